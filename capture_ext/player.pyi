from capture_ext.engine import Engine
from capture_ext.worker import Worker

class Player:
    now_ns: int
    backwards: int
    shifts: int
    idle: bool
    def __init__(self, engine: Engine, worker: Worker, pulse_ns: int) -> None: ...
    def play(self) -> bool: ...
    def finish(self) -> None: ...
