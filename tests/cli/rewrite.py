"""Write the expected reports anew; the difference is reviewed.

TZ=UTC PYTHONPATH=tests python tests/cli/rewrite.py
"""

from cli.report_cases import GOLDEN, all_reports

if __name__ == "__main__":
    for name, lines in all_reports().items():
        (GOLDEN / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
