"""Runs test modules, a line for each test with its time; the last line is `N passed, N failed`. A skipped test counts as failed.

Each module has a process of its own, and so a server: two clients' generated messages of one name do not load together."""
import re
import subprocess
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


def run(module):
    """In this process."""
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(suite)
    ran, bad = result.testsRun, len(result.bad)
    return max(ran - bad, 0), bad if ran else max(bad, 1)


def run_apart(module):
    process = subprocess.Popen([sys.executable, "-W", "ignore", __file__, module], stdout=subprocess.PIPE, text=True)
    counts = None
    for line in process.stdout:
        found = re.fullmatch(r"(\d+) passed, (\d+) failed\n", line)
        if found:
            counts = int(found[1]), int(found[2])
        else:
            print(line, end="", flush=True)
    status = process.wait()
    if counts is None or (status != 0 and counts[1] == 0):
        print(f"  FAIL {module}: it ended with {status} before it could say how it went", flush=True)
        return counts[0] if counts else 0, 1
    return counts


def main():
    modules = sys.argv[1:]
    counts = [run(modules[0])] if len(modules) == 1 else [run_apart(module) for module in modules]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
