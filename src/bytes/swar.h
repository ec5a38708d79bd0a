/*
 * swar.h
 *	  Eight bytes at a time in a plain uint64: finding the end of a clean run.
 *
 * A mask has the high bit of every byte that was asked for, and maybe of bytes
 * behind the first such byte (a borrow runs upwards), so only its lowest bit
 * may be trusted.  Masks may be or-ed: the lowest bit stays right.
 *
 * Invariant: the first byte in memory is the lowest of the word, whatever the
 * machine's byte order; no byte outside the given text is read or written.
 */
#ifndef RDE_SWAR_H
#define RDE_SWAR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SWAR_ONES	UINT64_C(0x0101010101010101)
#define SWAR_HIGHS	UINT64_C(0x8080808080808080)

#define SWAR_ALWAYS_INLINE	inline __attribute__((always_inline))

/* A mask function; always inlined into the loop that is given it. */
typedef uint64_t (*SwarDirty) (uint64_t word);

/* Compilers make one load of this. */
static inline uint32_t
swar_load4(const char *src)
{
	const uint8_t *s = (const uint8_t *) src;

	return (uint32_t) s[0] | (uint32_t) s[1] << 8 |
		(uint32_t) s[2] << 16 | (uint32_t) s[3] << 24;
}

static inline uint64_t
swar_load8(const char *src)
{
	const uint8_t *s = (const uint8_t *) src;

	return (uint64_t) s[0] | (uint64_t) s[1] << 8 |
		(uint64_t) s[2] << 16 | (uint64_t) s[3] << 24 |
		(uint64_t) s[4] << 32 | (uint64_t) s[5] << 40 |
		(uint64_t) s[6] << 48 | (uint64_t) s[7] << 56;
}

/* One to seven bytes, by loads that overlap; the bytes above are 'a'. */
static inline uint64_t
swar_load_tail(const char *src, size_t n)
{
	const uint8_t *s = (const uint8_t *) src;
	uint64_t	word;

	if (n >= 4)
		word = swar_load4(src) |
			(uint64_t) swar_load4(src + n - 4) << (8 * (n - 4));
	else
		word = s[0] | (uint64_t) s[n >> 1] << (8 * (n >> 1)) |
			(uint64_t) s[n - 1] << (8 * (n - 1));
	return word | (SWAR_ONES * 'a') << (8 * n);
}

static inline void
swar_copy_tail(char *dst, const char *src, size_t n)
{
	if (n >= 4)
	{
		memcpy(dst, src, 4);
		memcpy(dst + n - 4, src + n - 4, 4);
	}
	else
	{
		dst[0] = src[0];
		dst[n >> 1] = src[n >> 1];
		dst[n - 1] = src[n - 1];
	}
}

static inline uint64_t
swar_equal(uint64_t word, uint8_t byte)
{
	uint64_t	v = word ^ (SWAR_ONES * byte);

	return (v - SWAR_ONES) & ~v & SWAR_HIGHS;
}

/* Bytes below a limit of at most 128. */
static inline uint64_t
swar_below(uint64_t word, uint8_t limit)
{
	return (word - SWAR_ONES * limit) & ~word & SWAR_HIGHS;
}

static inline size_t
swar_first(uint64_t mask)
{
	return (size_t) __builtin_ctzll(mask) >> 3;
}

/* The place of the first dirty byte in [src, end), or end. */
static SWAR_ALWAYS_INLINE const char *
swar_find(const char *src, const char *end, SwarDirty dirty)
{
	uint64_t	mask;

	while (end - src >= 8)
	{
		mask = dirty(swar_load8(src));
		if (mask != 0)
			return src + swar_first(mask);
		src += 8;
	}
	if (src < end)
	{
		mask = dirty(swar_load_tail(src, end - src));
		if (mask != 0)
			return src + swar_first(mask);
	}
	return end;
}

/*
 * The same, copying what is clean to *dst and moving that on.  Bytes behind
 * the clean ones may be scribbled on, but none more than end - src of them.
 */
static SWAR_ALWAYS_INLINE const char *
swar_copy(char **dst, const char *src, const char *end, SwarDirty dirty)
{
	char	   *d = *dst;
	size_t		n = end - src;
	uint64_t	mask;

	for (; n >= 8; n -= 8)
	{
		memcpy(d, src, 8);
		mask = dirty(swar_load8(src));
		if (mask != 0)
		{
			n = swar_first(mask);
			*dst = d + n;
			return src + n;
		}
		src += 8;
		d += 8;
	}
	if (n > 0)
	{
		swar_copy_tail(d, src, n);
		mask = dirty(swar_load_tail(src, n));
		if (mask != 0)
			n = swar_first(mask);
	}
	*dst = d + n;
	return src + n;
}

#endif							/* RDE_SWAR_H */
