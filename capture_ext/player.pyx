# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""A replay: the ticks come from the frames' timestamps, silent ones too.

Time.  The first frame begins the first tick; from then on ticks stand side by side.  A frame at the very end of a tick
belongs to the next one.

* Backwards, by a window at the most: frames of several queues, written out of order.  Counted in the tick under way.
* Backwards by more: the clock of the capture was set, or another file begins.  The capture's clock is shifted so that
  time goes on where it stood (`shifts`).  However many jumps add up, it ends with the year 2116.
* Forwards: tick by tick until every window is empty.  After that nothing can happen in the engine, and time
  is taken in longer and longer steps, so that a pause of years costs thousands of steps and not billions of
  ticks.  Each step gives the caller a pulse, for what expires meanwhile.

`play` runs until something waits to be fetched, a pulse is due, or the source has no more frames.  A source that has
none just now, a pipe or a file that grows, is waited for, but not for long, so that the caller hears of it (`idle`).
The capture's time stands still meanwhile: what a replay decides depends on the frames alone, and not on when its
writer passed them on.
"""

from libc.stdint cimport int64_t, uint32_t

from capture_ext.batch cimport FrameBatch
from capture_ext.detector cimport Scene
from capture_ext.engine cimport Engine
from capture_ext.totals cimport COURSES
from capture_ext.worker cimport Work, Worker, aim_work, count_work, read_batch

cdef enum:
    SECOND_NS = 1_000_000_000
    WAIT_MS = 100                # for a source that has no frame at hand

cdef enum Step:
    STEP_ON                      # nothing to tell
    STEP_TELL                    # something waits, or a pulse is due
    STEP_OUT                     # no more frames

cdef extern from *:
    const int64_t LATEST_NS "((int64_t)1 << 62)"   # a timestamp beyond is taken for this one: the year 2116


cdef inline bint is_silent(const Scene *scene) noexcept nogil:
    """Whether every window is empty."""
    cdef int course
    for course in range(COURSES):
        if scene.courses[course].packets:
            return False
    return scene.book.busy_count == 0


cdef int64_t step_of(int64_t silence_ns, int64_t pulse_ns) noexcept nogil:
    """Give how far to go at once after so long a silence."""
    if silence_ns < 60 * <int64_t>SECOND_NS:
        return pulse_ns
    if silence_ns < 3600 * <int64_t>SECOND_NS:
        return max(pulse_ns, SECOND_NS)
    if silence_ns < 86_400 * <int64_t>SECOND_NS:
        return max(pulse_ns, 60 * <int64_t>SECOND_NS)
    return max(pulse_ns, 3600 * <int64_t>SECOND_NS)


cdef class Player:
    """Drives an engine by the frames of a worker's source, which may be changed when `play` has given False.

    Args:
        engine: Its clock does not run.
        worker: One of the engine's, which nobody else runs.
        pulse_ns: How often `play` returns at the latest, in the capture's time.
    """

    cdef Engine _engine
    cdef Worker _worker
    cdef FrameBatch _batch
    cdef Work _work
    cdef uint32_t _next          # of the batch
    cdef bint _begun
    cdef int64_t _pulse_ns
    cdef int64_t _tick_end
    cdef int64_t _pulse_due
    cdef int64_t _silent_since   # 0: not silent
    cdef int64_t _shift
    cdef readonly int64_t now_ns
    cdef readonly uint32_t backwards
    cdef readonly uint32_t shifts
    cdef readonly bint idle      # the source had no frame at hand when `play` returned

    def __init__(self, Engine engine, Worker worker, int64_t pulse_ns):
        self._engine = engine
        self._worker = worker
        self._pulse_ns = pulse_ns

    cdef int64_t _time_of(self, uint32_t i) noexcept nogil:
        """Give the engine's time of a frame, never before the tick under way."""
        cdef int64_t stamp = min(max(self._batch.frames[i].timestamp_ns, 0), LATEST_NS - self._shift) + self._shift
        if stamp >= self.now_ns:
            return stamp
        if stamp < self.now_ns - self._engine.scene.book.window.window_ns:
            self._shift += self.now_ns - stamp
            self.shifts += 1
        else:
            self.backwards += 1
        return self.now_ns

    cdef void _begin(self, int64_t now_ns) noexcept nogil:
        """Let time begin with the first frame."""
        self._begun = True
        self.now_ns = now_ns
        self._engine.scene.book.window.now_ns = now_ns
        self._tick_end = now_ns + self._engine.scene.book.window.tick_ns
        self._pulse_due = now_ns + self._pulse_ns

    cdef Step _fill(self) noexcept nogil:
        """Read the next batch; STEP_OUT if there is none, STEP_TELL if there is none yet."""
        cdef int count = self._worker.source.next_batch(&self._batch, WAIT_MS)
        self._next = 0
        self._batch.count = <uint32_t>max(count, 0)
        if count <= 0:
            self.idle = count == 0
            return STEP_TELL if self.idle else STEP_OUT
        read_batch(&self._worker.lane, &self._batch, self._work.packets)
        return STEP_ON

    cdef int64_t _count_until_due(self) noexcept nogil:
        """Count the frames of the batch that lie in the tick under way; give the time of the first that does not."""
        cdef uint32_t begin = self._next
        cdef int64_t stamp = 0
        while self._next < self._batch.count:
            stamp = self._time_of(self._next)
            if stamp >= self._tick_end:
                break
            self._next += 1
        if self._next > begin:
            self._silent_since = 0
            self._work.begin = begin
            self._work.end = self._next
            aim_work(&self._worker.lane, &self._batch, &self._work)
            count_work(&self._worker.lane, &self._work)
        return stamp

    cdef Step _end_tick(self) noexcept nogil:
        """End the tick under way."""
        cdef bint news = self._engine.tick_at(self._tick_end)
        self.now_ns = self._tick_end
        self._tick_end += self._engine.scene.book.window.tick_ns
        return STEP_TELL if news or self._is_due() else STEP_ON

    cdef bint _is_due(self) noexcept nogil:
        """Whether a pulse is due; if so the next one is set."""
        if self.now_ns < self._pulse_due:
            return False
        self._pulse_due = self.now_ns + self._pulse_ns
        return True

    cdef bint _skip(self, int64_t until) noexcept nogil:
        """Take a long step towards `until` if all is silent; False if it is not."""
        cdef int64_t tick_ns = self._engine.scene.book.window.tick_ns
        cdef int64_t step
        if until - self._tick_end < tick_ns or not is_silent(&self._engine.scene):
            return False
        if self._silent_since == 0:
            self._silent_since = self.now_ns
        step = step_of(self.now_ns - self._silent_since, self._pulse_ns)
        step = max(min(step, until - self.now_ns) // tick_ns * tick_ns, tick_ns)
        self.now_ns += step
        self._engine.scene.book.window.now_ns = self.now_ns
        self._tick_end = self.now_ns + tick_ns
        return True

    cdef Step _step(self) noexcept nogil:
        """Go on until one tick has ended or a batch is used up."""
        cdef int64_t stamp
        cdef Step filled = self._fill() if self._next == self._batch.count else STEP_ON
        if filled != STEP_ON:
            return filled
        if not self._begun:
            self._begin(min(max(self._batch.frames[0].timestamp_ns, 0), LATEST_NS))
        stamp = self._count_until_due()
        if self._next == self._batch.count:
            return STEP_ON
        if self._skip(stamp):
            return STEP_TELL if self._is_due() else STEP_ON
        return self._end_tick()

    def play(self):
        """Go on; True if something waits, a pulse is due or the source is idle, False if it has no more frames."""
        cdef Step step = STEP_ON
        self.idle = False
        with nogil:
            while step == STEP_ON:
                step = self._step()
        return step == STEP_TELL

    def finish(self):
        """End the last tick."""
        if self._begun:
            with nogil:
                self._end_tick()
