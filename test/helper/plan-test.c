/* The plan parser: what it takes, what it refuses, and that it knows exactly the operations of plan-ops.txt. */
#include "../../helpers/rrun/plan.h"
#include "../../helpers/rrun/sys.h"
#include "test.h"

/* Bytes on the heap, exactly as long as they are, so that the sanitizer sees a read past the end. */
static enum plan_result parse(const char *text, size_t len, struct plan *plan, const char **why)
{
	char *bytes = malloc(len ? len : 1);
	enum plan_result result;

	memcpy(bytes, text, len);
	result = plan_parse(plan, bytes, len, why);
	if (result != PLAN_OK)
		free(bytes);
	else
		plan->fields[PLAN_MAX_FIELDS * 3 - 1] = bytes; /* kept until forget() */
	return result;
}

static void forget(struct plan *plan)
{
	free(plan->fields[PLAN_MAX_FIELDS * 3 - 1]);
	plan_free(plan);
}

#define PARSE(text, plan, why) parse((text), sizeof(text) - 1, (plan), (why))
#define HEAD \
	"rrun-plan\0" \
	"1\0"

static void accepts_whole_plans(void)
{
	struct plan plan;
	const char *why;

	CHECK(PARSE(HEAD "end\0"
			 "0\0",
		    &plan, &why) == PLAN_INVALID); /* before the first phase */
	CHECK(PARSE(HEAD "phase\0"
			 "1\0monitor\0mode\0"
			 "1\0foreground\0phase\0"
			 "1\0init\0exec\0"
			 "3\0sh\0sh\0-c\0end\0"
			 "0\0",
		    &plan, &why) == PLAN_OK);
	CHECK(plan.count == 2);
	CHECK(plan.steps[0].op == OP_MODE && plan.phase_of[0] == PHASE_MONITOR);
	CHECK(plan.steps[1].op == OP_EXEC && plan.steps[1].argc == 3 && strcmp(plan.steps[1].argv[2], "-c") == 0);
	CHECK(plan.steps[1].argv[3] == NULL);
	CHECK(plan_find(&plan, OP_EXEC) == &plan.steps[1]);
	CHECK(plan_find(&plan, OP_TTY) == NULL);
	forget(&plan);
}

static void refuses_what_is_wrong(void)
{
	static const struct {
		const char *text;
		size_t len;
		/* clang-format off */
	} rows[] = {
#define ROW(text) { text, sizeof(text) - 1 }
		ROW("rrun-plam\0" "1\0end\0" "0\0"),
		ROW("rrun-plan\0" "2\0end\0" "0\0"),
		ROW(HEAD "mode\0" "1\0foreground\0"),
		ROW(HEAD "phase\0" "1\0monitor\0nonsense\0" "0\0"),
		ROW(HEAD "phase\0" "1\0monitor\0mode\0-1\0"),
		ROW(HEAD "phase\0" "1\0monitor\0mode\0" "99999999999999999999\0"),
		ROW(HEAD "phase\0" "1\0monitor\0mode\0x\0"),
		ROW(HEAD "phase\0" "1\0monitor\0mode\0" "2\0a\0b\0"),
		ROW(HEAD "phase\0" "1\0monitor\0pivot\0" "0\0"),
		ROW(HEAD "phase\0" "1\0elsewhere\0end\0" "0\0"),
		ROW(HEAD "phase\0" "1\0init\0end\0" "0\0more\0" "0\0"),
	};
	/* clang-format on */
	struct plan plan;
	const char *why;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = NULL;
		CHECK(parse(rows[i].text, rows[i].len, &plan, &why) == PLAN_INVALID);
		CHECK(why != NULL);
	}
}

static void every_prefix_is_incomplete(void)
{
	static const char whole[] = HEAD "phase\0"
					 "1\0init\0exec\0"
					 "3\0echo\0end\0"
					 "0\0phase\0"
					 "1\0cleanup\0end\0"
					 "0\0";
	struct plan plan;
	const char *why;

	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		CHECK(parse(whole, len, &plan, &why) == PLAN_INCOMPLETE);
	CHECK(parse(whole, sizeof(whole) - 1, &plan, &why) == PLAN_OK);
	CHECK(plan.count == 1);
	forget(&plan);
}

static void numbers(void)
{
	long long value;

	CHECK(parse_number("0", 0, 10, &value) && value == 0);
	CHECK(parse_number("-5", -10, 10, &value) && value == -5);
	CHECK(!parse_number("", 0, 10, &value));
	CHECK(!parse_number(" 1", 0, 10, &value));
	CHECK(!parse_number("+1", 0, 10, &value));
	CHECK(!parse_number("1x", 0, 10, &value));
	CHECK(!parse_number("11", 0, 10, &value));
	CHECK(!parse_number("99999999999999999999", 0, LLONG_MAX, &value));
}

/* One line of plan-ops.txt: name, phase, least, most. */
static void check_row(const char *name, const char *phase, const char *least, const char *most)
{
	static const char *const phases[] = { "monitor", "keeper", "init", "cleanup" };
	unsigned int mask = 0;
	int op = 0;

	while (op < OPS && strcmp(op_table[op].name, name) != 0)
		op++;
	if (op == OPS) {
		fprintf(stderr, "plan-ops.txt has an operation that plan.c does not know: %s\n", name);
		checks_failed++;
		return;
	}
	for (int p = 0; p < 4; p++)
		if (strcmp(phase, phases[p]) == 0)
			mask = 1u << p;
	if (strcmp(phase, "any") == 0)
		mask = 0xf;
	if (strcmp(phase, "both") == 0)
		mask = 1u << PHASE_INIT | 1u << PHASE_CLEANUP;
	if (op_table[op].phases != mask || op_table[op].least != atoi(least) ||
	    op_table[op].most != (strcmp(most, "*") == 0 ? -1 : atoi(most))) {
		fprintf(stderr, "plan-ops.txt and plan.c differ on: %s\n", name);
		checks_failed++;
	}
}

static void table_is_the_documented_one(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512];
	char name[64];
	char phase[64];
	char least[16];
	char most[16];
	int rows = 0;

	CHECK(file != NULL);
	while (file && fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || sscanf(line, "%63s %63s %15s %15s", name, phase, least, most) != 4)
			continue;
		check_row(name, phase, least, most);
		rows++;
	}
	CHECK(rows == OPS);
	if (file)
		fclose(file);
}

void plan_tests(const char *table_path)
{
	accepts_whole_plans();
	refuses_what_is_wrong();
	every_prefix_is_incomplete();
	numbers();
	table_is_the_documented_one(table_path);
}
