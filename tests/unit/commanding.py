"""The command line, called from tests."""

import subprocess
import sys

from tutelage import cli

SMALL = """
student.units = 2
rule.noise = 0.1
time = {alpha_max = 1, points = 5}
simulation = {dim = 30, replicas = 3}
"""


def subcommand(*tokens, **keywords):
    return subprocess.run([sys.executable, "-m", "tutelage", *tokens], capture_output=True, text=True, **keywords)


def fails(capsys, tokens, *contained, code=2):
    """Expect exit code 2 and one line on standard error that contains what is given."""
    assert cli.main(list(tokens)) == code
    output = capsys.readouterr()
    assert output.err.startswith("tutelage: ")
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.out + output.err
    for text in contained:
        assert text in output.err
    return output.err
