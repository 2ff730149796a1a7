/* The smallest test harness: CHECK counts and names what did not hold. */
#ifndef RRUN_TEST_H
#define RRUN_TEST_H

#include <stdio.h>

extern int checks_failed;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			checks_failed++; \
		} \
	} while (0)

void plan_tests(const char *table_path);
void log_tests(void);
void process_tests(void);

#endif
