<?php
# readers.php - what PHP reads in a report's file, as JSON
#
#   readers.php csv|json <file>
#
# Prints an array of rows, which are arrays of cells, the first one the header.
# Files may be gzipped.

[, $format, $path] = $argv;
$file = "compress.zlib://$path";

if ($format === 'csv') {
	$rows = [];
	$handle = fopen($file, 'r');
	while (($row = fgetcsv($handle, null, ',', '"', '')) !== false)
		$rows[] = $row;
} else {
	$objects = json_decode(file_get_contents($file), true, 512, JSON_THROW_ON_ERROR);
	$rows = array_merge([array_keys($objects[0])], array_map('array_values', $objects));
}
echo json_encode($rows, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
