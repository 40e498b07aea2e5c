"""A seeded hash of two 64-bit words, for tables that strangers fill.

One 64 x 64 -> 128 bit product, both halves folded together, as in the wyhash and rapidhash family.  Without the seed,
which is drawn at start, nobody outside can choose what falls together.
"""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    """
    #ifndef FNM_MIXING
    #define FNM_MIXING
    static inline uint64_t fnm_fold(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    #endif
    """
    uint64_t fold "fnm_fold"(uint64_t a, uint64_t b) noexcept nogil

cdef enum:
    SEEDS = 3                    # words of a seed


cdef inline uint64_t mix(uint64_t first, uint64_t second, const uint64_t *seed) noexcept nogil:
    """Hash two words with a seed of SEEDS words.

    Folded twice: after one product the low bits of a word that meets zero bits of the other would show.
    """
    return fold(fold(first ^ seed[0], second ^ seed[1]) ^ seed[2], 0x9e3779b97f4a7c15ULL)


cdef inline uint32_t scale(uint32_t hashed, uint32_t count) noexcept nogil:
    """Spread a 32-bit hash evenly over 0 .. count - 1, without a division."""
    return <uint32_t>((<uint64_t>hashed * count) >> 32)
