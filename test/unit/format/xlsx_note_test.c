/*
 * xlsx_note_test.c
 *	  Notes: what a view says of its columns, as far as XML can hold it.
 */
#include "unit/server.h"

#include "format/xlsx_note.h"

/* A column's note, of a view that has two columns. */
static const char *
note(const char *group, const char *description)
{
	RdeColumn	columns[] = {
		{.name = "other"},
		{.name = "n",.group = group,.description = description}
	};

	return rde_xlsx_notes(columns, 2)[1];
}

static void
is(const char *got, const char *expected, const char *name)
{
	if (got == NULL || strcmp(got, expected) != 0)
		fprintf(tap, "# \"%s\" instead of \"%s\"\n", got ? got : "(nothing)", expected);
	ok(got != NULL && strcmp(got, expected) == 0, name);
}

static void
test_texts(void)
{
	ok(note(NULL, NULL) == NULL, "nothing is said");
	ok(note("Order", NULL) == NULL, "a group alone says nothing");
	is(note(NULL, "What it cost."), "What it cost.", "a description");
	is(note("Order", "What it cost."), "Order: What it cost.", "of a group");
	is(note(NULL, ""), "", "an empty one");
	is(note(NULL, "one\ntwo"), "one\ntwo", "lines");
	is(note("a\tb", "one\r\ntwo\001"), "a b: one \ntwo ", "no other controls");
	is(note(NULL, "a\xEF\xBF\xBE" "b\xEF\xBF\xBF" "c\xEF\xBF\xBD" "d\xEF\xBF"),
	   "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" "c\xEF\xBF\xBD" "d\xEF\xBF",
	   "no noncharacters");
	is(note(NULL, "<&\">"), "<&\">", "markup is escaped by whoever writes it");
}

static void
test_long(void)
{
	char		text[1200];
	const char *cut;

	memset(text, 'x', sizeof(text));
	text[1000] = '\0';
	ok(strlen(note(NULL, text)) == 1000, "a thousand bytes");
	text[1000] = 'x';
	text[1199] = '\0';
	ok(strlen(note(NULL, text)) == 1000, "and no more");
	memcpy(text + 998, "\xE2\x82\xAC", 3);
	cut = note(NULL, text);
	ok(strlen(cut) == 998 && cut[997] == 'x', "no character is cut");
	ok(strlen(note("Order", text)) == 1000, "the group counts");
}

static void
test_columns(void)
{
	RdeColumn	columns[] = {
		{.name = "a",.description = "first"}, {.name = "b"},
		{.name = "c",.description = "third"}
	};
	const char **notes = rde_xlsx_notes(columns, 3);

	ok(strcmp(notes[0], "first") == 0 && notes[1] == NULL &&
	   strcmp(notes[2], "third") == 0, "each column its own");
	ok(rde_xlsx_notes(columns, 0) != NULL, "no columns");
	ok(strcmp(columns[0].description, "first") == 0, "descriptions stay");
}

static void
unit(void)
{
	test_texts();
	test_long();
	test_columns();
}
