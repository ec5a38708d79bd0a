// readers.js - what programs for node read in a report's file, as JSON
//
//   readers.js <reader> <file>
//
// Prints an array of rows, which are arrays of cells; the first one is the
// header, and of a workbook only the first sheet is read, or the last one.  Dates are printed as
// JSON prints them, in UTC to the millisecond that the reader took them for.

'use strict';

const fs = require('fs');

// Most readers do not keep NULL and empty text apart.
function plain(value, apart) {
	return value === undefined || (value === '' && !apart) ? null : value;
}

async function exceljs(file, sheet = 0) {
	const book = new (require('exceljs').Workbook)();
	const rows = [];

	await book.xlsx.readFile(file);
	book.worksheets.at(sheet).eachRow({ includeEmpty: true }, row => rows.push(row.values.slice(1)));
	return rows;
}

async function exceljsStream(file) {
	const { stream } = require('exceljs');
	const rows = [];

	for await (const sheet of new stream.xlsx.WorkbookReader(file, { worksheets: 'emit', styles: 'cache' })) {
		if (rows.length === 0)
			for await (const row of sheet)
				rows.push(row.values.slice(1));
	}
	return rows;
}

async function sheetjs(file, sheet = 0) {
	const xlsx = require('xlsx');
	const book = xlsx.readFile(file, { cellDates: true });

	return xlsx.utils.sheet_to_json(book.Sheets[book.SheetNames.at(sheet)], { header: 1, raw: true });
}

async function sheetjsShown(file) {
	const xlsx = require('xlsx');
	const book = xlsx.readFile(file, { cellNF: true });

	return xlsx.utils.sheet_to_json(book.Sheets[book.SheetNames[0]], { header: 1, raw: false });
}

async function papaparse(file) {
	return require('papaparse').parse(fs.readFileSync(file, 'utf8'), { skipEmptyLines: true }).data;
}

async function fastXmlParser(file) {
	const { XMLParser } = require('fast-xml-parser');
	const parser = new XMLParser({ trimValues: false, parseTagValue: false, ignoreAttributes: false,
		htmlEntities: true });
	const rows = [].concat(parser.parse(fs.readFileSync(file, 'utf8')).report.row);

	return [Object.keys(rows[0])].concat(rows.map(row =>
		Object.values(row).map(value => value && value['@_xsi:nil'] ? null : value)));
}

// NULL and empty text differ to it if it is told so.
function duckdb(source) {
	return async file => {
		const { DuckDBInstance } = require('@duckdb/node-api');
		const connection = await (await DuckDBInstance.create(':memory:')).connect();
		const result = await connection.runAndReadAll(`SELECT * FROM ${source.replace('FILE', file)}`);

		return [result.columnNames()].concat(result.getRowsJson());
	};
}

const readers = {
	'exceljs': file => exceljs(file),
	'exceljs-last': file => exceljs(file, -1),
	'exceljs-stream': exceljsStream,
	'sheetjs': file => sheetjs(file),
	'sheetjs-last': file => sheetjs(file, -1),
	'sheetjs-shown': sheetjsShown,
	'read-excel-file': file => require('read-excel-file/node').default(file, { trim: false }),
	'papaparse': papaparse,
	'fast-xml-parser': fastXmlParser,
	'duckdb-csv': duckdb("read_csv('FILE', all_varchar = true, allow_quoted_nulls = false)"),
	'duckdb-json': duckdb("read_json('FILE')"),
};

readers[process.argv[2]](process.argv[3]).then(rows => {
	const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
	const apart = /^duckdb/.test(process.argv[2]);

	console.log(JSON.stringify(rows.map(row =>
		Array.from({ length: width }, (_, i) => plain(row[i], apart)))));
}).catch(error => {
	console.error(error);
	process.exit(1);
});
