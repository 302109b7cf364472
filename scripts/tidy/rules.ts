// The protocol's rules against the tests: each rule id in PROTOCOL.md is quoted as `[id]` by at least one test title.
// A test title that quotes an id the protocol doesn't have is a finding too.
import ts from 'typescript';
import { at, nodes, type Rule, type Source } from './project.ts';
import { isRunnerCall } from './shape.ts';

const PROTOCOL = 'docs/PROTOCOL.md';
const QUOTED = /\[([A-Z]{1,2}\d+)\]/g;
const DECLARED = /^\s*(?:#+\s*|[-*]\s+)?\*\*\[?([A-Z]{1,2}\d+)\b|^#+\s+\[?([A-Z]{1,2}\d+)\b/;

export const protocolRules: Rule = function* (project) {
  const protocol = project.texts.get(PROTOCOL);
  if (protocol === undefined) return;
  const known = new Map<string, number>();
  for (const [index, line] of protocol.split('\n').entries()) {
    const declared = DECLARED.exec(line);
    const ids = [...line.matchAll(QUOTED)].map((match) => match[1]);
    for (const id of [declared?.[1] ?? declared?.[2], ...ids])
      if (id && !known.has(id)) known.set(id, index + 1);
  }
  const quoted = new Set<string>();
  for (const source of project.sources) {
    if (!source.test && !source.path.startsWith('tests/')) continue;
    for (const { id, node, title } of quotesIn(source)) {
      quoted.add(id);
      if (!title || known.has(id)) continue;
      yield at(
        source,
        node,
        'protocol-rule',
        `[${id}] is no rule of ${PROTOCOL}: correct the id or write the rule`,
      );
    }
  }
  for (const [id, line] of known) {
    if (quoted.has(id)) continue;
    const message = `no test quotes [${id}]: name the rule in the title of the test that proves it`;
    yield { file: PROTOCOL, line, rule: 'protocol-rule', message };
  }
};

/** Ids in any string of a test file (titles may come from tables), except in tests that are skipped or still to write. */
function* quotesIn(source: Source): Generator<{ id: string; node: ts.Node; title: boolean }> {
  for (const node of nodes(source)) {
    const isText =
      ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    if (!isText) continue;
    const text = (node as ts.LiteralLikeNode).text;
    const holder = ts.isTemplateHead(node) ? node.parent.parent : node.parent;
    const call = ts.isCallExpression(holder) && isRunnerCall(holder) ? holder : undefined;
    if (call && /\.(skip|todo)\b/.test(call.expression.getText())) continue;
    for (const [, id = ''] of text.matchAll(QUOTED)) yield { id, node, title: call !== undefined };
  }
}
