"""Write what the bad files are expected to say anew: `python tests/config/rewrite.py`; the difference is reviewed."""

from pathlib import Path

from fnm_guard import config

if __name__ == "__main__":
    for path in sorted((Path(__file__).parent / "bad").glob("*.yaml")):
        try:
            config.parse(path.read_text(encoding="utf-8"), path.name)
        except config.ConfigError as error:
            path.with_suffix(".expected").write_text(f"{error}\n", encoding="utf-8")
