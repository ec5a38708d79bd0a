// api_client.js - a client made of openapi.json, which does what a reseller does
//
//   node api_client.js URL KEY TOKEN NAME-OF-TOKEN     (NODE_PATH: ajv, ajv-formats,
//   openapi-client-axios, @seriousme/openapi-schema-validator)
//
// Every reply has to be one that the description of its operation has, with a body of
// that schema.  Prints a line for each thing that is wrong, and "ok OPERATIONS" last.

'use strict';
const Ajv = require('ajv/dist/2020');
const addFormats = require('ajv-formats');
const axios = require('axios');
const crypto = require('crypto');
const http = require('http');
const path = require('path');
const { pathToFileURL } = require('url');
const { OpenAPIClientAxios } = require('openapi-client-axios');

const [url, key, token, tokenName] = process.argv.slice(2);
const login = { 'X-Subscription-Key': key, Authorization: `Bearer ${token}` };
const called = new Set();
let description;
let client;
let ajv;

function wrong(what) { console.log(`not ok ${what}`); }
function expect(condition, what) { if (!condition) wrong(what); }

const escape = (name) => name.replace(/~/g, '~0').replace(/\//g, '~1');

// Is it a reply that the description has?
function check(operation, reply) {
	const { path: pattern, method } = client.api.getOperation(operation);
	const { [String(reply.status)]: described } = description.paths[pattern][method].responses;
	const place = described && (described.$ref ?? `#/paths/${escape(pattern)}/${method}/responses/${reply.status}`);
	called.add(operation);
	if (!described) return wrong(`${operation}: ${reply.status} is not described: ${JSON.stringify(reply.data)}`);
	const { content } = described.$ref ? description.components.responses[described.$ref.split('/').pop()] : described;
	if (!content || !content['application/json']) return;
	const validate = ajv.compile({ $ref: `api${place}/content/application~1json/schema` });
	if (!validate(reply.data)) wrong(`${operation} ${reply.status}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(reply.data)}`);
}

async function call(operation, status, parameters, body, headers) {
	const reply = await client[operation](parameters ?? null, body, { headers: { ...login, ...headers } });
	expect(reply.status === status, `${operation}: ${reply.status} in place of ${status}: ${JSON.stringify(reply.data)}`);
	check(operation, reply);
	return reply;
}

// The first events of a stream
function events(count) {
	return new Promise((done, fail) => {
		const request = http.get(`${url}/events`, { headers: login }, (reply) => {
			let text = '';
			called.add('streamEvents');
			expect(reply.headers['content-type'].startsWith('text/event-stream'), 'a stream of events');
			reply.on('data', (data) => {
				text += data;
				const seen = text.split('\n\n').filter((event) => event.startsWith('event: '));
				if (seen.length < count) return;
				request.destroy();
				done(seen.map((event) => Object.fromEntries(event.split('\n').map((line) => line.split(/: (.*)/s)))));
			});
		});
		request.on('error', fail);
	});
}

async function main() {
	description = (await axios.get(`${url}/openapi.json`)).data;
	const { Validator } = await import(pathToFileURL(path.join(path.dirname(require.resolve('ajv/package.json')), '..', '@seriousme/openapi-schema-validator/index.js')));
	const valid = await new Validator().validate(JSON.parse(JSON.stringify(description)));
	expect(valid.valid, `openapi.json: ${JSON.stringify(valid.errors)}`);

	ajv = new Ajv({ strict: false, allErrors: true });
	addFormats(ajv);
	ajv.addSchema({ ...description, $id: 'api' });
	const api = new OpenAPIClientAxios({
		definition: { ...JSON.parse(JSON.stringify(description)), servers: [{ url }] },
		axiosConfigDefaults: { validateStatus: () => true },
	});
	client = await api.init();

	// who, and what there is
	const account = (await call('getAccount', 200)).data;
	const sets = (await call('listDatasets', 200)).data;
	expect(sets.data.some((set) => set.name === 'sales' && set.attached), 'a data set');
	await call('getHealth', 200);
	await call('getOpenapi', 200);
	const basic = Buffer.from(`${tokenName}:${token}`).toString('base64');
	const signed = await call('createToken', 200, null, {}, { Authorization: `Basic ${basic}` });
	login.Authorization = `Bearer ${signed.data.token}`;
	await call('createToken', 401, null, {}, { Authorization: 'Basic eDp4' });
	await call('getAccount', 401, null, null, { Authorization: 'Bearer x' });

	// a view
	const view = { dataset: 'sales', view: 'client' };
	const columns = [{ column: 'id', as: 'number' }, { column: 'amount' }, { column: 'word', group: 'Words' }];
	await call('previewView', 200, { dataset: view.dataset }, { columns, startDate: '2020-01-01', endDate: '2020-01-02' });
	await call('previewView', 400, { dataset: view.dataset }, { columns, startDate: '2020-01-02', endDate: '2020-01-01' });
	const made = await call('createView', 201, view, { columns, conditions: [{ column: 'id', min: 1 }] });
	await call('createView', 409, view, { columns });
	await call('createView', 400, { ...view, view: 'other' }, { columns: [{ column: 1 }] });
	await call('getView', 200, view);
	await call('getView', 404, { ...view, view: 'none' });
	await call('replaceView', 200, view, { columns: made.data.columns.reverse() }, { 'If-Match': made.headers.etag });
	await call('replaceView', 412, view, { columns }, { 'If-Match': made.headers.etag });

	// a generator, and a file that it made
	const stream = events(2);
	const generator = await call('createGenerator', 201, null,
		{ name: 'by a client', dataset: 'sales', formats: ['csv', 'json'], event: 'daily', customizationName: 'client', runAt: '06:00' });
	const id = { id: generator.data.id };
	await call('createGenerator', 400, null, { name: 'x', dataset: 'sales', formats: ['csv'], event: 'yearly' });
	await call('createGenerator', 409, null, { name: 'by a client', dataset: 'sales', formats: ['csv'], event: 'manual' });
	await call('listGenerators', 200);
	await call('getGenerator', 200, id);
	await call('getGenerator', 404, { id: '00000000-0000-4000-8000-000000000000' });
	const changed = await call('changeGenerator', 200, id, { retention: 'P1Y', options: { compress: false } }, { 'If-Match': generator.headers.etag });
	await call('changeGenerator', 412, id, { name: 'lost' }, { 'If-Match': generator.headers.etag });
	await call('changeGenerator', 400, id, { weekDay: 9 });
	await call('previewPeriods', 200, null, { event: 'weekly', timeZone: 'Europe/Vienna' });
	await call('previewPeriods', 400, null, { event: 'never' });
	await call('listPeriods', 200, id);
	await call('listPeriods', 400, { ...id, from: 'today' });
	await call('runGenerator', 400, id, { firstDay: '2020-01-02', lastDay: '2020-01-01' });
	const run = await call('runGenerator', 202, id, { firstDay: '2020-01-01', lastDay: '2020-01-02' }, { 'Idempotency-Key': 'run-1' });
	const report = { id: run.data.data[0].id };
	let seen;
	for (const end = Date.now() + 30000; Date.now() < end;) {
		seen = (await call('getReport', 200, report)).data;
		if (seen.status === 'completed') break;
		await new Promise((done) => setTimeout(done, 200));
	}
	expect(seen.status === 'completed', `the report is ${seen.status}`);
	const link = new URL(seen.downloadUrl);
	const file = await axios.get(url + link.pathname + link.search, { responseType: 'arraybuffer' });
	called.add('downloadFile');
	expect(crypto.createHash('sha256').update(file.data).digest('hex') === seen.sha256, 'the file that sha256 names');
	expect(file.data.toString().startsWith('word,amount,number'), 'with the columns of the view');
	await call('getManifest', 200, report);
	await call('listPeriods', 200, id);
	const [ready, published] = await stream;
	expect(ready.event === 'ready' && ready.id, 'ready');
	expect(published.event === 'published', 'published');
	const event = ajv.compile({ $ref: 'api#/components/schemas/Event' });
	expect(event(JSON.parse(published.data)), `event: ${ajv.errorsText(event.errors)}`);

	// reports
	await call('listReports', 200, { name: 'by a client' });
	await call('listReports', 200, { type: 'onetime', detail: 'true' });
	await call('listReports', 400);
	const asked = await call('requestReport', 200, null, { name: 'asked', dataset: 'sales', startDate: '2020-01-01', endDate: '2020-01-01' });
	await call('requestReport', 400, null, { name: 'asked', startDate: 'then' });
	const next = await call('rebuildReport', 200, { id: asked.data.id });
	await call('getReport', 200, { id: asked.data.id });
	await call('rebuildReport', 409, { id: asked.data.id });
	await call('retryReport', 409, { id: next.data.id });
	await call('cancelReport', 409, { id: next.data.id });
	await call('revokeLinks', 200, { id: next.data.id });
	const waiting = await call('runGenerator', 202, id, { firstDay: '2020-01-03', lastDay: '2020-01-03' });
	const late = await client.cancelReport({ id: waiting.data.data[1].id }, null, { headers: login });
	check('cancelReport', late);
	await call('deleteReport', 204, { id: next.data.id });
	await call('deleteReport', 404, { id: next.data.id });
	await call('deleteGenerator', 412, id, null, { 'If-Match': generator.headers.etag });
	await call('deleteGenerator', 204, id, null, { 'If-Match': changed.headers.etag });
	await call('deleteView', 204, view);
	await call('deleteView', 404, view);
	expect(account.id === seen.reseller, 'of the account');
	const all = client.api.getOperations().map((operation) => operation.operationId);
	const missed = all.filter((operation) => !called.has(operation));
	expect(missed.length === 0, `not called: ${missed}`);
	console.log(`ok ${called.size}`);
}

main().catch((error) => { wrong(error.stack); process.exitCode = 1; });
