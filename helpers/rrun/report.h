/* Failures: one record (stage, system call, errno as a number, action, detail), handed to whoever can say it in words. */
#ifndef RRUN_REPORT_H
#define RRUN_REPORT_H

#include <stddef.h>

#define RECORD_MAX 3072

/* Set by each role: what happens with a failure record. Must not return. */
extern void (*fail_deliver)(const char *record, size_t len);

/* A message of a program that we ran, put into the next failure record. */
extern char fail_detail[1024];

/* Writes the record from errno and ends this process by fail_deliver. */
__attribute__((noreturn, format(printf, 3, 4))) void fail(const char *stage, const char *syscall, const char *action,
							  ...);

/* Hands on a record that another process of ours made. */
__attribute__((noreturn)) void fail_with_record(const char *record, size_t len);

#define TRY(call, stage, syscall, ...) \
	do { \
		if ((call) == -1) \
			fail((stage), (syscall), __VA_ARGS__); \
	} while (0)

#endif
