/*
 * condition.h
 *	  A condition of a report view, as part of a WHERE clause.
 */
#ifndef RDE_CONDITION_H
#define RDE_CONDITION_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef enum RdeOperator
{
	RDE_IN,
	RDE_NOT_IN,
	RDE_MIN,
	RDE_MAX,
	RDE_IS_NULL
} RdeOperator;

typedef struct RdeCondition
{
	const char *column;			/* of the source, as the catalog spells it */
	RdeOperator operator;
	bool		null;			/* is NULL in the list; should it be NULL */
	Oid			domain_of;		/* what the column is a domain over, if it is
								 * one: of an enum it has no operators */
	Oid			type;			/* of the parameter; InvalidOid: it has none */
	Datum		value;			/* of the parameter, an array if it is a list */
} RdeCondition;

/*
 * Read a condition, as _rde_view_condition has it, on a column of a type.  Allocates
 * in the current context.  What is wrong with it, in words that follow those that
 * name the condition; NULL: nothing.
 */
extern const char *rde_condition_read(RdeCondition *condition,
									  const char *operator, Jsonb *operand,
									  Oid type);

/* It as SQL on a column of "s"; its parameter, if it has one, is of this number. */
extern void rde_condition_append(StringInfo sql,
								 const RdeCondition *condition, int parameter);

#endif							/* RDE_CONDITION_H */
