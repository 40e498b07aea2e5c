"""Loads and stores that other threads may see, one instruction each on the machines we run on.

`peek` and `set` are relaxed and for one's own counters, which others only read; `take` (acquire) and `give` (release)
hand over what was written before; the others are read-modify-writes and full barriers.  Any integer type fits: the
macros take the type from the pointer, so the declarations below name only the ones in use.

`prefetch` and `read_ahead` ask for memory far ahead of its use, and into the second cache level: the first one can wait
for some twenty lines at a time, and a batch asks for a hundred, which would hold up the thread that asks (measured:
0.55 of the time a packet with a million hosts and flows).
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    #ifndef FNM_ATOMICS
    #define FNM_ATOMICS
    #define fnm_peek(p) __atomic_load_n((p), __ATOMIC_RELAXED)
    #define fnm_set(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
    #define fnm_take(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
    #define fnm_give(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
    #define fnm_grow(p, v) __atomic_store_n((p), __atomic_load_n((p), __ATOMIC_RELAXED) + (v), __ATOMIC_RELAXED)
    #define fnm_exchange(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
    #define fnm_fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
    #define fnm_fetch_or(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
    #define fnm_prefetch(p) __builtin_prefetch((p), 0, 2)
    #define fnm_read_ahead(p) __builtin_prefetch((p), 0, 2)
    #endif
    """
    uint16_t peek16 "fnm_peek"(const uint16_t *place) noexcept nogil
    uint32_t peek32 "fnm_peek"(const uint32_t *place) noexcept nogil
    uint64_t peek64 "fnm_peek"(const uint64_t *place) noexcept nogil
    void set16 "fnm_set"(uint16_t *place, uint16_t value) noexcept nogil
    void set32 "fnm_set"(uint32_t *place, uint32_t value) noexcept nogil
    void set64 "fnm_set"(uint64_t *place, uint64_t value) noexcept nogil
    uint32_t take32 "fnm_take"(const uint32_t *place) noexcept nogil
    void give32 "fnm_give"(uint32_t *place, uint32_t value) noexcept nogil
    void grow32 "fnm_grow"(uint32_t *place, uint32_t value) noexcept nogil
    void grow64 "fnm_grow"(uint64_t *place, uint64_t value) noexcept nogil
    uint32_t exchange32 "fnm_exchange"(uint32_t *place, uint32_t value) noexcept nogil
    uint64_t exchange64 "fnm_exchange"(uint64_t *place, uint64_t value) noexcept nogil
    uint32_t fetch_add32 "fnm_fetch_add"(uint32_t *place, uint32_t value) noexcept nogil
    uint64_t fetch_add64 "fnm_fetch_add"(uint64_t *place, uint64_t value) noexcept nogil
    uint64_t fetch_or64 "fnm_fetch_or"(uint64_t *place, uint64_t value) noexcept nogil
    void prefetch "fnm_prefetch"(const void *place) noexcept nogil
    void read_ahead "fnm_read_ahead"(const void *place) noexcept nogil

    # Everything before the fence is seen by others before anything after it is read.
    void fence "__atomic_thread_fence"(int order) noexcept nogil
    const int FULL "__ATOMIC_SEQ_CST"
    const int ACQUIRE "__ATOMIC_ACQUIRE"
    const int RELEASE "__ATOMIC_RELEASE"

    # Number of the lowest bit that is set; there must be one.
    int lowest_bit "__builtin_ctzll"(uint64_t bits) noexcept nogil
