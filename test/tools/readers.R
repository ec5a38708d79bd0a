# readers.R - what R reads in a report's file, as JSON
#
#   readers.R read.csv|readxl|openxlsx <file>
#
# Prints an array of rows, which are arrays of cells, the first one the header.
# Cells are text, NA is null; files of text may be gzipped.

arguments <- commandArgs(trailingOnly = TRUE)
file <- arguments[2]
table <- switch(arguments[1],
	"read.csv" = read.csv(file, colClasses = "character", check.names = FALSE, na.strings = character()),
	"readxl" = readxl::read_excel(file, na = character(), trim_ws = FALSE, .name_repair = "minimal"),
	"openxlsx" = openxlsx::read.xlsx(file, detectDates = TRUE, skipEmptyRows = FALSE, na.strings = character()))
# it makes dates of days, but not of moments
if (arguments[1] == "openxlsx")
	table$at <- openxlsx::convertToDateTime(table$at, tz = "UTC")

# Moments in UTC, numbers with all their digits.
text <- function(column) {
	if (inherits(column, "POSIXt"))
		format(column, "%Y-%m-%d %H:%M:%S", tz = "UTC")
	else if (is.double(column) && !inherits(column, "Date"))
		ifelse(is.na(column), NA, format(column, digits = 15, scientific = FALSE, trim = TRUE))
	else
		as.character(column)
}

quote <- function(value) {
	if (is.na(value))
		return("null")
	codes <- utf8ToInt(enc2utf8(value))
	paste0("\"", paste(ifelse(codes < 32 | codes == 34 | codes == 92, sprintf("\\u%04x", codes),
		intToUtf8(codes, multiple = TRUE)), collapse = ""), "\"")
}

row <- function(cells) paste0("[", paste(vapply(cells, quote, ""), collapse = ","), "]")

columns <- lapply(table, text)
rows <- vapply(seq_len(nrow(table)), function(i) row(vapply(columns, `[`, "", i)), "")
writeLines(enc2utf8(paste0("[", paste(c(row(names(table)), rows), collapse = ",\n"), "]")), useBytes = TRUE)
