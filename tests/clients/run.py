"""Runs test modules, a line for each test with its time; the last line is `N passed, N failed`. A skipped test counts as failed."""
import sys
import time
import unittest


class Result(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.bad, self.began = set(), 0.0

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self.began = time.monotonic()

    def stopTest(self, test):
        unittest.TestResult.stopTest(self, test)
        word = "FAIL" if test.id() in self.bad else "ok"
        self.stream.writeln(f"  {word} {time.monotonic() - self.began:.2f} s {test.id()}")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)

    def addError(self, test, error):
        unittest.TestResult.addError(self, test, error)
        self.bad.add(test.id())    # of a class or module too: that has an id of its own

    def addFailure(self, test, error):
        unittest.TestResult.addFailure(self, test, error)
        self.bad.add(test.id())

    def addSubTest(self, test, subtest, error):
        unittest.TestResult.addSubTest(self, test, subtest, error)
        if error is not None:
            self.bad.add(test.id())

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self.bad.add(test.id())

    def addUnexpectedSuccess(self, test):
        unittest.TestResult.addUnexpectedSuccess(self, test)
        self.bad.add(test.id())


def main():
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(suite)
    ran, bad = result.testsRun, len(result.bad)
    passed = max(ran - bad, 0)
    failed = bad if ran else max(bad, 1)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
