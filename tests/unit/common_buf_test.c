/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/errcode.h"

static const uint8_t image[] = {
	0x01,
	0x02, 0x03,
	0x04, 0x05, 0x06, 0x07,
	0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d,
	0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0xff,
	'a', 'b', 'c',
};

static void
read_all(struct rbuf *b, uint64_t v[5], const uint8_t **tail)
{
	v[0] = rbuf_u8(b);
	v[1] = rbuf_u16(b);
	v[2] = rbuf_u32(b);
	v[3] = rbuf_u48(b);
	v[4] = rbuf_u64(b);
	*tail = rbuf_take(b, 3);
}

static void
test_read(void **state)
{
	const uint8_t *tail;
	struct rbuf b;
	uint64_t v[5];

	(void)state;
	rbuf_init(&b, image, sizeof(image));
	assert_int_equal(rbuf_left(&b), sizeof(image));
	read_all(&b, v, &tail);
	assert_int_equal(b.err, E_OK);
	assert_int_equal(v[0], 0x01);
	assert_int_equal(v[1], 0x0203);
	assert_int_equal(v[2], 0x04050607);
	assert_int_equal(v[3], 0x08090a0b0c0d);
	assert_true(v[4] == UINT64_C(0x0e0f1011121314ff));
	assert_memory_equal(tail, "abc", 3);
	assert_int_equal(rbuf_left(&b), 0);
}

/* Each shorter buffer ends in E_MALF, stays there, and gives zeros. */
static void
test_read_truncated(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(image); len++) {
		const uint8_t *tail;
		struct rbuf b;
		uint64_t v[5];

		rbuf_init(&b, image, len);
		read_all(&b, v, &tail);
		assert_int_equal(b.err, E_MALF);
		assert_null(tail);
		assert_int_equal(rbuf_u8(&b), 0);
		assert_int_equal(rbuf_left(&b), 0);
		rbuf_skip(&b, 0);
		assert_int_equal(b.err, E_MALF);
	}
}

static void
test_read_empty(void **state)
{
	struct rbuf b;

	(void)state;
	rbuf_init(&b, NULL, 0);
	assert_non_null(rbuf_take(&b, 0));
	assert_int_equal(b.err, E_OK);
	rbuf_skip(&b, SIZE_MAX);
	assert_int_equal(b.err, E_MALF);
}

static void
write_all(struct wbuf *b)
{
	wbuf_u8(b, 0x01);
	wbuf_u16(b, 0);
	wbuf_u32(b, 0x04050607);
	wbuf_u48(b, UINT64_C(0x08090a0b0c0d));
	wbuf_u64(b, UINT64_C(0x0e0f1011121314ff));
	wbuf_put(b, "abc", 3);
	wbuf_put_u16_at(b, 1, 0x0203);
}

static void
test_write(void **state)
{
	(void)state;
	for (size_t cap = 0; cap <= sizeof(image); cap++) {
		uint8_t mem[sizeof(image) + 1];
		struct wbuf b;

		memset(mem, 0xaa, sizeof(mem));
		wbuf_init(&b, mem, cap);
		assert_int_equal(wbuf_left(&b), cap);
		write_all(&b);
		assert_int_equal(mem[cap], 0xaa);
		if (cap < sizeof(image)) {
			assert_int_equal(b.err, E_SPACE);
			assert_int_equal(wbuf_left(&b), 0);
			continue;
		}
		assert_int_equal(b.err, E_OK);
		assert_int_equal(b.len, sizeof(image));
		assert_memory_equal(mem, image, sizeof(image));
	}
}

static void
test_patch_outside(void **state)
{
	uint8_t mem[4] = { 0 };
	struct wbuf b;

	(void)state;
	wbuf_init(&b, mem, sizeof(mem));
	wbuf_u16(&b, 1);
	wbuf_put_u16_at(&b, 1, 0xffff);
	assert_int_equal(b.err, E_SPACE);
	assert_int_equal(mem[1], 1);
}

static void
test_inline(void **state)
{
	uint8_t mem[4];

	(void)state;
	put_be32(mem, 0xfedcba98);
	assert_int_equal(get_be32(mem), 0xfedcba98);
	assert_int_equal(get_be16(mem), 0xfedc);
	put_be16(mem, 0x0102);
	assert_int_equal(get_be32(mem), 0x0102ba98);
}

static void
test_err_text(void **state)
{
	(void)state;
	for (int code = E_SYSTEM; code <= E_NOMEM; code++) {
		assert_string_not_equal(err_text(code), "unknown error");
	}
	assert_string_equal(err_text(E_SYSTEM - 1), "unknown error");
	assert_string_equal(err_text(1), "unknown error");
	assert_string_equal(err_text(INT32_MIN), "unknown error");
	assert_string_equal(err_text(-2), strerror(2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_truncated),
		cmocka_unit_test(test_read_empty),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_patch_outside),
		cmocka_unit_test(test_inline),
		cmocka_unit_test(test_err_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
