import argparse
import pathlib
import sys

import numpy as np

from .convert import KINDS, ConversionError, convert


def read_sample(path):
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    return np.genfromtxt(path, delimiter=",", skip_header=1)


def main():
    parser = argparse.ArgumentParser(
        prog="clops_convert", description="Turns a pickle, a joblib file or an old XGBoost binary file into a file that clops "
        "serves, and writes it only if it predicts the same. Opening a pickle runs its code: only files that you trust.")
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("target", type=pathlib.Path, help="a file, or a folder for model.SUFFIX")
    parser.add_argument("--sample", type=pathlib.Path, help="rows to compare on: .npy, or .csv of numbers with a header line; "
                        "without it 500 made-up rows")
    parser.add_argument("--format", choices=sorted(KINDS), help="default: what fits the model best")
    arguments = parser.parse_args()
    try:
        sample = None if arguments.sample is None else read_sample(arguments.sample)
        report = convert(arguments.source, arguments.target, sample, arguments.format)
    except (ConversionError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    how = "bit for bit" if report.difference == 0 else f"within {report.difference:.1e}"
    print(f"{report.target}: {report.kind}, equal to the original {how} over {report.rows} rows")
    return 0


sys.exit(main())
