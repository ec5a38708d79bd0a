# bi.R - what R reads of the views for BI
#
#   bi.R <host> <port> <user> <money> <types>
#
# Prints a line "sum|currency|rows|amount" for each currency in what the query
# <money> returns, summed up by R, and a line "seen|column|type|text" for each
# column of the first row of the query <types>.

suppressMessages(library(RPostgreSQL))
arguments <- commandArgs(trailingOnly = TRUE)
connection <- dbConnect(PostgreSQL(), host = arguments[1], port = as.integer(arguments[2]), user = arguments[3], dbname = "postgres")

money <- dbGetQuery(connection, arguments[4])
sums <- aggregate(cbind(rows, amount) ~ currency, money, sum)
cat(sprintf("sum|%s|%.0f|%.8f\n", sums$currency, sums$rows, sums$amount), sep = "")

types <- suppressWarnings(dbGetQuery(connection, arguments[5]))
for (name in names(types))
	cat(sprintf("seen|%s|%s|%s\n", name, class(types[[name]])[1], format(types[[name]][1])))
