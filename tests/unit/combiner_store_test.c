/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "combiner/store.h"
#include "common/errcode.h"
#include "common/loop.h"
#include "tests/lib/temp_dir.h"

static char dir[TEMP_DIR_MAX];
static struct loop *loop;
static struct store *s;

static void
start(void)
{
	char msg[256] = "";

	assert_int_equal(loop_new(&loop), E_OK);
	int ret = store_open(loop, dir, &s, msg, sizeof(msg));
	if (ret != E_OK) {
		fail_msg("%s", msg);
	}
}

static void
drain(void)
{
	static const struct timespec tick = {0, 200000};

	for (unsigned i = 0; i < 50000; i++) {
		loop_poll(loop);
		if (store_pending(s) == 0 && loop_job_count(loop) == 0) {
			return;
		}
		(void)nanosleep(&tick, NULL);
	}
	fail_msg("still busy");
}

static void
stop(void)
{
	drain();
	store_close(s);
	loop_free(loop);
}

static int
setup(void **state)
{
	(void)state;
	temp_dir_new(dir);
	start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stop();
	temp_dir_remove(dir);
	return 0;
}

/* ---- changes ---- */

static char told[4096];

static void
on_done(struct store_change *c, int err)
{
	size_t at = strlen(told);

	c->err = err;
	(void)snprintf(told + at, sizeof(told) - at, "%s%d ",
	    (const char *)c->arg, err);
}

static struct store_change
change(const char *label, int64_t id, const uint8_t *name, uint32_t seq)
{
	struct store_change c = {.done = on_done};

	c.arg = (void *)(uintptr_t)label;
	c.zone.id = id;
	c.zone.name = name;
	c.zone.seq = seq;
	c.zone.out_serial = 1000 + seq;
	c.zone.has_out = true;
	return c;
}

static int
put(struct store_change *c)
{
	store_submit(s, c);
	drain();
	return c->err;
}

/* ---- what is there ---- */

struct seen {
	unsigned zones, contribs, entries;
	uint32_t last_seq, out_serial;
	char text[512];
};

static int
on_zone(const struct store_loaded *z, void *arg)
{
	struct seen *x = arg;
	size_t at = strlen(x->text);

	x->zones++;
	x->out_serial = z->zone.out_serial;
	(void)snprintf(x->text + at, sizeof(x->text) - at,
	    "%s/%s/%s/%zu/%zu/%s ", (const char *)z->zone.name,
	    z->zone.member_id ? z->zone.member_id : "-",
	    z->zone.catalog ? (const char *)z->zone.catalog : "-",
	    (size_t)z->zone.soa_len, z->base_len,
	    z->zone.base_file ? z->zone.base_file : "-");
	return E_OK;
}

static int
on_contrib(int64_t id, const char *source, const uint8_t *sets, size_t len,
    int64_t sec, void *arg)
{
	struct seen *x = arg;
	size_t at = strlen(x->text);

	(void)id;
	x->contribs++;
	(void)snprintf(x->text + at, sizeof(x->text) - at, "%s=%.*s@%d ",
	    source, (int)len, (const char *)sets, (int)sec);
	return E_OK;
}

static int
on_entry(int64_t id, uint32_t seq, const uint8_t *data, size_t len, void *arg)
{
	struct seen *x = arg;

	(void)id;
	assert_true(seq > x->last_seq); /* ascending */
	assert_int_equal(len, 100);
	assert_int_equal(data[0], (uint8_t)seq);
	x->last_seq = seq;
	x->entries++;
	return E_OK;
}

static const struct store_load_events load_events = {
    on_zone, on_contrib, on_entry};

static struct seen
load(const uint8_t *name)
{
	struct seen x = {0};

	assert_int_equal(store_load(s, name, &load_events, &x), E_OK);
	return x;
}

static int
sql(const char *text)
{
	char path[TEMP_DIR_MAX + 16];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return rc;
}

/* ---- tests ---- */

static const uint8_t a[] = "\x01" "a", b[] = "\x01" "b", cat[] = "\x01" "c";

static void
test_round_trip(void **state)
{
	struct dns_hash_key key = *store_hash_key(s);
	struct store_change c = change("a", 0, a, 3);

	(void)state;
	c.zone.member_id = "m1";
	c.zone.catalog = cat;
	c.zone.soa = (const uint8_t *)"0123456789";
	c.zone.soa_len = 10;
	c.source = "src";
	c.sets = (const uint8_t *)"sets";
	c.sets_len = 4;
	c.changed_sec = 77;
	c.base = STORE_BASE_INLINE;
	c.base_data = (const uint8_t *)"base";
	c.base_len = 4;
	c.zone.base_seq = 3;
	assert_int_equal(put(&c), E_OK);
	assert_true(c.zone.id > 0);
	int64_t id = c.zone.id;
	stop();
	start();
	assert_memory_equal(&key, store_hash_key(s), sizeof(key));
	struct seen x = load(NULL);
	assert_string_equal(x.text, "\x01" "a/m1/\x01" "c/10/4/- src=sets@77 ");
	assert_int_equal(load(b).zones, 0);
	assert_int_equal(load(a).zones, 1);
	/* a file in place of the inline one; the contribution goes */
	c = change("a", id, a, 4);
	c.source = "src";
	c.base = STORE_BASE_FILE;
	c.zone.base_file = "x.base";
	c.zone.base_seq = 4;
	assert_int_equal(put(&c), E_OK);
	x = load(NULL);
	assert_string_equal(x.text, "\x01" "a/-/-/0/0/x.base ");
	c = change("a", id, a, 4);
	c.remove = true;
	assert_int_equal(put(&c), E_OK);
	assert_int_equal(load(NULL).zones, 0);
	/* what is gone cannot be changed */
	c = change("a", id, a, 5);
	assert_int_equal(put(&c), E_STORE);
}

static int
refuse(struct store_change *c)
{
	(void)c;
	return E_DENIED;
}

/* Of many changes one is bad: the others are on disk all the same. */
static void
test_batch_with_failures(void **state)
{
	struct store_change c[5] = {change("a", 0, a, 1),
	    change("b", 0, b, 1), change("twice", 0, a, 1),
	    change("refused", 0, cat, 1), change("d", 0, cat, 1)};

	(void)state;
	told[0] = '\0';
	c[3].before = refuse;
	for (unsigned i = 0; i < 5; i++) {
		store_submit(s, &c[i]);
	}
	assert_int_equal(store_pending(s), 5);
	drain();
	char want[200];
	(void)snprintf(want, sizeof(want), "a0 b0 twice%d refused%d d0 ",
	    E_STORE, E_DENIED);
	assert_string_equal(told, want); /* in order, each once */
	assert_int_equal(c[2].zone.id, 0);
	assert_int_equal(c[3].zone.id, 0);
	assert_true(c[0].zone.id > 0 && c[1].zone.id > 0 && c[4].zone.id > 0);
	assert_int_equal(load(NULL).zones, 3);
}

/* Several zones' changes, each on its own after the one that cannot be. */
static void
test_no_table(void **state)
{
	struct store_change c[2] = {change("a", 0, a, 1), change("b", 0, b, 1)};

	(void)state;
	assert_int_equal(sql("ALTER TABLE zone RENAME TO gone"), SQLITE_OK);
	for (unsigned i = 0; i < 2; i++) {
		store_submit(s, &c[i]);
	}
	drain();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(c[i].err, E_STORE);
		assert_int_equal(c[i].zone.id, 0);
	}
	assert_int_equal(sql("ALTER TABLE gone RENAME TO zone"), SQLITE_OK);
	assert_int_equal(put(&c[0]), E_OK);
}

static struct blob *
entry(uint32_t seq)
{
	struct blob *e = blob_new(100);

	assert_non_null(e);
	memset(e->data, (int)seq, e->len);
	return e;
}

static int
put_entry(int64_t *id, uint32_t seq, uint32_t base_seq, unsigned keep,
    uint64_t octets, bool drop)
{
	struct store_change c = change("e", *id, a, seq);

	c.zone.base_seq = base_seq;
	c.entry = entry(seq);
	c.serial_from = 999 + seq;
	c.trim = keep > 0;
	c.keep_versions = keep;
	c.keep_octets = octets;
	c.drop_journal = drop;
	int ret = put(&c);
	blob_unref((struct blob *)(uintptr_t)c.entry);
	*id = c.zone.id;
	return ret;
}

struct chain {
	int err;
	size_t count;
	bool called;
	uint8_t first;
};

static void
on_entries(void *arg, int err, struct blob *const *entries, size_t count)
{
	struct chain *x = arg;

	assert_false(x->called);
	x->called = true;
	x->err = err;
	x->count = count;
	x->first = count > 0 ? entries[0]->data[0] : 0;
}

static void
expect(int64_t id, uint32_t from, uint32_t to, uint64_t max, int err,
    size_t count)
{
	struct chain x = {0};

	assert_int_equal(
	    store_entries(s, id, from, to, max, on_entries, &x), E_OK);
	drain();
	assert_true(x.called);
	assert_int_equal(x.err, err);
	assert_int_equal(x.count, count);
	if (count > 0) {
		assert_int_equal(x.first, (uint8_t)(from - 999));
	}
}

static void
test_chains(void **state)
{
	int64_t id = 0;

	(void)state;
	for (uint32_t i = 1; i <= 10; i++) {
		assert_int_equal(put_entry(&id, i, 0, 0, 0, false), E_OK);
	}
	expect(id, 1000, 10, 1000, E_OK, 10);
	expect(id, 1004, 10, 1000, E_OK, 6);
	expect(id, 1004, 8, 1000, E_OK, 4); /* an older version goes on */
	expect(id, 1000, 10, 999, E_LIMIT, 0);
	expect(id, 999, 10, 1000, E_NOENT, 0);
	expect(id, 1010, 10, 1000, E_NOENT, 0);
	expect(id + 1, 1000, 10, 1000, E_NOENT, 0);
	/* it must lead there, and without a gap */
	expect(id, 1000, 11, 2000, E_NOENT, 0);
	assert_int_equal(sql("DELETE FROM journal WHERE seq=5"), SQLITE_OK);
	expect(id, 1000, 10, 1000, E_NOENT, 0);
	expect(id, 1005, 10, 1000, E_OK, 5);
	/* several that ask at once */
	struct chain x[4] = {{0}};
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(store_entries(s, id, 1005 + i, 10, 1000,
		    on_entries, &x[i]), E_OK);
	}
	drain();
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(x[i].count, 5 - i);
	}
	/* none of the older ones leads here */
	assert_int_equal(put_entry(&id, 11, 10, 0, 0, true), E_OK);
	expect(id, 1005, 11, 1000, E_NOENT, 0);
	expect(id, 1010, 11, 1000, E_OK, 1);
}

static void
test_trim(void **state)
{
	static const struct {
		uint32_t base_seq;
		unsigned keep;
		uint64_t octets;
		uint32_t oldest; /* that is left of 20 */
	} t[] = {
	    {20, 5, 0, 16},     /* the last five */
	    {20, 5, 1000, 11},  /* or so many octets, if these are more */
	    {20, 5, 1050, 11},  /* an entry that reaches beyond goes */
	    {12, 5, 0, 13},     /* what the base needs stays */
	    {0, 1, 0, 1},
	    {20, 100, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct seen x = {0};
		int64_t id = 0;
		for (uint32_t k = 1; k < 20; k++) {
			assert_int_equal(put_entry(&id, k, 0, 0, 0, false),
			    E_OK);
		}
		assert_int_equal(put_entry(&id, 20, t[i].base_seq, t[i].keep,
		    t[i].octets, false), E_OK);
		expect(id, 999 + t[i].oldest, 20, 10000, E_OK,
		    21 - t[i].oldest);
		expect(id, 998 + t[i].oldest, 20, 10000, E_NOENT, 0);
		/* loading gives those behind the base */
		x = load(a);
		assert_int_equal(x.entries, 20 - t[i].base_seq);
		struct store_change c = change("a", id, a, 1);
		c.remove = true;
		assert_int_equal(put(&c), E_OK);
	}
}

/* Killed as soon as a change was told of: it is there. */
static void
test_killed(void **state)
{
	(void)state;
	stop();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store_change c = change("a", 0, a, 5);
		c.source = "src";
		c.sets = (const uint8_t *)"x";
		c.sets_len = 1;
		start();
		if (put(&c) == E_OK) {
			(void)raise(SIGKILL);
		}
		_exit(1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	start();
	struct seen x = load(NULL);
	assert_int_equal(x.zones, 1);
	assert_int_equal(x.contribs, 1);
	assert_int_equal(x.out_serial, 1005);
}

static void
test_two_at_once(void **state)
{
	struct store *other;
	char msg[256] = "";

	(void)state;
	assert_true(store_open(loop, dir, &other, msg, sizeof(msg)) != E_OK);
	assert_null(other);
	assert_non_null(strstr(msg, "another combiner"));
	assert_true(
	    store_open(loop, "/nonexistent/x", &other, msg, sizeof(msg)) !=
	    E_OK);
	assert_null(other);
	store_close(NULL);
}

static void
test_other_version(void **state)
{
	struct store *other;
	char msg[256] = "";

	(void)state;
	store_close(s);
	assert_int_equal(sql("UPDATE meta SET value=99 WHERE name='version'"),
	    SQLITE_OK);
	assert_int_equal(
	    store_open(loop, dir, &other, msg, sizeof(msg)), E_VERSION);
	assert_int_equal(sql("UPDATE meta SET value=1 WHERE name='version'"),
	    SQLITE_OK);
	assert_int_equal(store_open(loop, dir, &s, msg, sizeof(msg)), E_OK);
}

static void
touch(const char *file)
{
	char path[TEMP_DIR_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
}

static void
test_sweep(void **state)
{
	struct store_change c = change("a", 0, a, 1);

	(void)state;
	c.base = STORE_BASE_FILE;
	c.zone.base_file = "kept.base";
	assert_int_equal(put(&c), E_OK);
	touch("kept.base");
	touch("left.base");
	touch("base");
	store_sweep(s);
	assert_int_equal(temp_dir_count(dir, ".base", 0), 1);
	assert_int_equal(temp_dir_count(dir, "kept.base", 0), 1);
	assert_int_equal(temp_dir_count(dir, "state.db", 0), 1);
}

/* Rows that were damaged are left out; the others come. */
static void
test_damaged_rows(void **state)
{
	struct store_change c = change("a", 0, a, 1);
	struct store_change d = change("b", 0, b, 1);

	(void)state;
	assert_int_equal(put(&c), E_OK);
	assert_int_equal(put(&d), E_OK);
	assert_int_equal(sql("UPDATE zone SET name=x'3f61' WHERE id=1"),
	    SQLITE_OK);
	assert_int_equal(load(NULL).zones, 1);
	assert_int_equal(sql("UPDATE zone SET name=x'' WHERE id=1;"
	    "UPDATE zone SET catalog=x'05' WHERE id=2"), SQLITE_OK);
	struct seen x = load(NULL);
	assert_string_equal(x.text, "\x01" "b/-/-/0/0/- ");
}

static int
fail_load(const struct store_loaded *z, void *arg)
{
	(void)z;
	(void)arg;
	return E_NOMEM;
}

static void
test_load_ends_with_error(void **state)
{
	static const struct store_load_events ev = {
	    fail_load, on_contrib, on_entry};
	struct store_change c = change("a", 0, a, 1);

	(void)state;
	assert_int_equal(put(&c), E_OK);
	assert_int_equal(store_load(s, NULL, &ev, NULL), E_NOMEM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_round_trip),
	    TEST(test_batch_with_failures),
	    TEST(test_no_table),
	    TEST(test_chains),
	    TEST(test_trim),
	    TEST(test_killed),
	    TEST(test_two_at_once),
	    TEST(test_other_version),
	    TEST(test_sweep),
	    TEST(test_damaged_rows),
	    TEST(test_load_ends_with_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
