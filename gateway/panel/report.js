// report.js
//   One report: all there is to know of it, and what can be done with it.

import { ask, get, newKey, pathOf } from './api.js';
import { columnTable, viewPlace } from './columns.js';
import { conditionList } from './conditions.js';
import { code, facts, h, name, redraw } from './dom.js';
import { act, copyLink, download, verify } from './download.js';
import { watch } from './events.js';
import { marks, progress } from './reports.js';
import { badge, bytes, days, moment, number, t, totals } from './shown.js';
import { announce, button, confirm, explainCode, link } from './ui.js';

const isPending = (report) => report.status === 'submitted' || report.status === 'processing';

function state(report) {
  if (isPending(report)) return progress(report);
  if (report.status === 'error') return [badge('bad', t('status.error')), ' ', explainCode(report.code, report.error)];
  return badge('good', t('status.completed'));
}

function all(report) {
  return facts([
    [t('state'), state(report)],
    [t('dataset'), name(report.dataset)],
    [t('view'), link(viewPlace(report.dataset, report.customizationName, report.reseller), name(report.customizationName))],
    [t('type'), t(`type.${report.type}`)],
    [t('days'), days(report)],
    [t(report.status === 'completed' ? 'published' : 'submitted'), moment(report.creationDate, report.timeZone)],
    [t('expires'), report.status !== 'completed' ? null : moment(report.expiresAt, report.timeZone) ?? t('never')],
    [t('rows'), report.rowCount === null ? null : number(report.rowCount)],
    [t('totals'), report.totals === null ? null : totals(report.totals)],
    [t('size'), report.fileBytes === null ? null : bytes(report.fileBytes)],
    [t('digest'), report.sha256 === null ? null : code(report.sha256)],
    [t('generator'), report.generator === null ? null : link(`/generators/${report.generator}`, t('generator.open'))],
    [t('reseller'), report.reseller === null ? null : String(report.reseller)],
    [t('superseded'), report.supersededBy ? link(`/reports/${report.supersededBy}`, t('superseded.open')) : null],
  ]);
}

/** What can be done with it as it is; each does it and shows what became of it. */
function actions(report, page, show) {
  const asked = async (action, question) => {
    if (question && !await confirm([question, ' ', name(report.name)], t(action))) return;
    const answer = await act(report, action, newKey());
    if (answer.id === report.id) show(answer);
    else page.leaveFor(`/reports/${answer.id}`);
  };
  const remove = async () => {
    if (!await confirm([t('delete.question'), ' ', name(report.name)], t('delete'))) return;
    await ask('DELETE', pathOf('reports', report.id), { headers: { 'If-Match': `"${report.version}"` } });
    announce(t('done.delete'));
    page.leaveFor('/reports');
  };

  if (isPending(report)) return [button(t('cancel'), () => asked('cancel', t('cancel.question')), { kind: 'danger' })];
  if (report.status === 'error') return [button(t('retry'), () => asked('retry'), { kind: 'primary' }), button(t('delete'), remove, { kind: 'danger' })];
  return [
    button(t('download'), () => download(report, page.signal), { kind: 'primary' }),
    button(t('verify'), () => verify(report, page.signal)),
    report.downloadUrl === null ? null : button(t('link.copy'), () => copyLink(report)),
    button(t('revoke-links'), () => asked('revoke-links', t('revoke-links.question'))),
    report.supersededBy ? null : button(t('rebuild'), () => asked('rebuild', t('rebuild.question'))),
    button(t('delete'), remove, { kind: 'danger' }),
  ];
}

export async function reportPage(page, id) {
  const badges = h('span', {});
  const bar = h('div', { class: 'actions bar' });
  const body = h('div', {});
  const columns = h('section', {});
  let told = null;
  let timer = null;

  async function show(report) {
    clearTimeout(timer);
    if (told === null) page.fill([name(report.name), ' ', badges], bar, body, columns);
    badges.replaceChildren(...marks(report).filter(Boolean));
    if (JSON.stringify(told) !== JSON.stringify(report)) redraw(body, all(report));
    // buttons stay under somebody's hands as long as they do what they did
    if (told === null || ['status', 'supersededBy', 'downloadUrl'].some((key) => told[key] !== report[key])) {
      bar.replaceChildren(...actions(report, page, show).filter(Boolean));
    }
    if (told !== null && told.status !== report.status) announce(t(`status.${report.status}`));
    told = report;
    if (isPending(report)) timer = setTimeout(look, 2_000);
    if (report.status === 'completed' && columns.children.length === 0) {
      const manifest = await get(pathOf('reports', id, 'manifest'), {}, page.signal);
      if (manifest.columns !== null) {
        columns.replaceChildren(h('h2', {}, t('columns')), columnTable(manifest.columns.map((column) => ({ ...column, as: column.name, valueType: column.type }))),
          ...(manifest.conditions?.length > 0 ? [h('h2', {}, t('conditions')), conditionList(manifest.conditions)] : []));
      }
    }
  }

  async function look() {
    await get(pathOf('reports', id), {}, page.signal).then(show).catch((error) => {
      if (error.status === 404) page.leaveFor('/reports');
    });
  }

  page.signal.addEventListener('abort', () => clearTimeout(timer));
  await show(await get(pathOf('reports', id), {}, page.signal));
  watch((events) => (events.some((event) => event === null || event.id === id) ? look() : null), page.signal);
}
