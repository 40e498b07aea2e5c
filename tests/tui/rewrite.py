"""Write the expected screens anew; the difference is reviewed.

TZ=UTC PYTHONPATH=tests python tests/tui/rewrite.py
"""

from tui.screen_cases import GOLDEN, all_screens

if __name__ == "__main__":
    for name, lines in all_screens().items():
        (GOLDEN / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
