/*
 * formula_test.c
 *	  Which text a spreadsheet would calculate, and which it would not.
 */
#include "bytes/formula.h"

#include <string.h>

#include "unit/tap.h"

static void
test_formulas(void)
{
	static const char *const formulas[] = {
		"=1+1", "@SUM(A1)", "\t=1", "\r", "\n=1", "+A1", "-A1", "-1-2",
		"-5+3", "+1-2", "-1e5", "+1/2", "-2*3", "--1", "+-1", "-5,00",
		"+1\t2", "+cmd|' /C calc'!A0", "-\xC3\xA9", "+1 (417) x12",
		"+49 -30", "- -5", "+(1)-(2)", "-(1)-(2)", "-(1) - (2)", "-1.5-.5",
		"+49-30-1234567", "+(1-2)", "\xEF\xBC\x9D" "1+1", "\xEF\xBC\xA0" "A1",
		"\xEF\xBC\x8B" "1", "\xEF\xBC\x8D" "1"
	};
	static const char *const harmless[] = {
		"", "a", " =1", "'=1", "1+1", "a@b.example", "+", "-", "-5", "-5.00",
		"+1 (417) 7122740", "+49 (0) 30 - 123", "+1 (417)-712", "+1.417.712",
		"(417) 712", "1-2", "\"=1", "- 5", "+1 (417) 712-2740", "+1 417-712",
		"+1(417)-712", "-(1)(2)-3", "-(1)", "\xEF\xBC", ("\xEF\xBC\x9E" "1")
	};
	bool		good = true;
	size_t		i;

	for (i = 0; i < COUNT(formulas); i++)
		good &= rde_csv_is_formula(formulas[i], strlen(formulas[i]));
	ok(good, "formulas are guarded");

	good = true;
	for (i = 0; i < COUNT(harmless); i++)
		good &= !rde_csv_is_formula(harmless[i], strlen(harmless[i]));
	ok(good, "numbers and phone numbers are not");
}

int
main(void)
{
	tap = stdout;
	test_formulas();
	return done();
}
