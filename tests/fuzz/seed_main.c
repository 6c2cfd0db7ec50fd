/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a fuzz target over the files named, without libFuzzer: the seeds are a
 * test for every compiler.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
run_file(const char *path)
{
	/* one octet longer than any seed should be */
	static const size_t max = (1u << 20) + 1;
	uint8_t *data, *exact = NULL;
	size_t len;
	FILE *f;
	int rc = 1;

	f = fopen(path, "rb");
	data = malloc(max);
	if (f == NULL || data == NULL) {
		goto out;
	}
	len = fread(data, 1, max, f);
	if (ferror(f) || len == max) {
		goto out;
	}
	/* a block of the exact length, so that ASan sees reads past its end */
	exact = malloc(len > 0 ? len : 1);
	if (exact == NULL) {
		goto out;
	}
	for (size_t i = 0; i < len; i++) {
		exact[i] = data[i];
	}
	(void)LLVMFuzzerTestOneInput(exact, len); /* always 0 */
	rc = 0;
out:
	if (rc != 0) {
		fprintf(stderr, "%s: not read\n", path);
	}
	if (f != NULL) {
		(void)fclose(f); /* was only read */
	}
	free(data);
	free(exact);
	return rc;
}

int
main(int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc; i++) {
		rc |= run_file(argv[i]);
	}
	return rc;
}
