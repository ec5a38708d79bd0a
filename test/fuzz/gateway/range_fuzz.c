/*
 * range_fuzz.c
 *	  Conditional and partial requests.
 */
#include "gateway/range.h"

#include "fuzz/fuzz.h"

static void
check_range(const char *header, uint64_t size)
{
	uint64_t	first;
	uint64_t	length;
	char		again[64];

	switch (range_parse(header, size, &first, &length))
	{
		case RANGE_WHOLE:
			PROMISE(first == 0 && length == size);
			break;
		case RANGE_PART:
			PROMISE(length > 0 && length <= size && first <= size - length);
			snprintf(again, sizeof(again), "bytes=%llu-%llu", (unsigned long long) first,
					 (unsigned long long) (first + length - 1));
			PROMISE(range_parse(again, size, &first, &length) == RANGE_PART);
			break;
		case RANGE_UNSATISFIABLE:
			break;
	}
}

static void
check_tags(const char *list, const char *tag)
{
	char	   *quoted = malloc(strlen(tag) + 3);
	char	   *longer = malloc(strlen(list) + strlen(tag) + 16);

	sprintf(quoted, "\"%s\"", tag);
	if (strchr(tag, '"') == NULL)
	{
		if (range_tag_in_list(list, quoted, false))
			PROMISE(range_tag_in_list(list, quoted, true) &&
					(strchr(list, '*') != NULL || strstr(list, quoted) != NULL));
		sprintf(longer, "%s, \"x\"", quoted);
		PROMISE(range_tag_in_list(longer, quoted, false));
		sprintf(longer, "W/%s,%s", quoted, list);
		PROMISE(range_tag_in_list(longer, quoted, true));
	}
	free(quoted);
	free(longer);
}

static void
check_date(const char *header)
{
	time_t		moment;
	time_t		again;
	char		written[RANGE_DATE_SIZE];

	if (!range_parse_date(header, &moment))
		return;
	range_date(written, moment);
	PROMISE(range_parse_date(written, &again) && again == moment);
}

static void
check_moment(uint64_t any)
{
	/* 0001-01-01 to 9999-12-31 */
	time_t		moment = (time_t) (any % 315537897600) - 62135596800;
	time_t		again;
	char		written[RANGE_DATE_SIZE];

	range_date(written, moment);
	PROMISE(range_parse_date(written, &again) && again == moment);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	uint64_t	any = 0;
	char	   *header;
	char	   *tag;

	memcpy(&any, data, size < sizeof(any) ? size : sizeof(any));
	check_moment(any);
	header = take_string(&bytes);
	tag = take_string(&bytes);
	check_range(header, 0);
	check_range(header, any);
	check_range(header, any % 1000);
	check_tags(header, tag);
	check_date(header);
	free(header);
	free(tag);
	return 0;
}
