/* Runs the unit tests of the C program; built with the address and undefined-behaviour sanitizers. */
#include "test.h"

int checks_failed;

int main(int argc, char **argv)
{
	plan_tests(argc > 1 ? argv[1] : "plan-ops.txt");
	log_tests();
	process_tests();
	if (checks_failed)
		fprintf(stderr, "%d checks failed\n", checks_failed);
	return checks_failed ? 1 : 0;
}
