// Rules about what is written down: loose ends and machine paths in any file, dead paths and links in Markdown, the lock file.
// The patterns are spelled so that they don't match themselves.
import { posix } from 'node:path';
import type { Finding, Project, Rule } from './project.ts';

const LOOSE_END = /\b(?:TO[D]O|FIX[M]E|XX[X])\b|not [i]mplemented/;
const MACHINE_PATH = /(?:^|[\s"'`(=:,])(?:\/(?:tmp|work|root|home|Users)\/\w|[A-Z]:\\Users\\)/;
const TOP = /^(?:packages|examples|tests|bench|docs|scripts|\.ci|\.{1,2})\/[\w./@-]*$/;

function* eachLine(project: Project, pick: RegExp): Generator<{ file: string; line: number; text: string }> {
  for (const [file, whole] of project.texts) {
    if (!pick.test(file)) continue;
    for (const [index, text] of whole.split('\n').entries()) yield { file, line: index + 1, text };
  }
}

export const looseEnds: Rule = function* (project) {
  for (const { file, line, text } of eachLine(project, /^(?!package-lock\.json$)/)) {
    const word = LOOSE_END.exec(text)?.[0];
    if (word)
      yield {
        file,
        line,
        rule: 'loose-end',
        message: `'${word}': finish it, or open an issue and say so there`,
      };
    if (MACHINE_PATH.test(text)) {
      yield {
        file,
        line,
        rule: 'machine-path',
        message: 'a path of one machine: make it relative or an option',
      };
    }
  }
};

export const lockFile: Rule = function* (project) {
  for (const { file, line, text } of eachLine(project, /^package-lock\.json$/)) {
    if (!/"resolved": "http/.test(text)) continue;
    const message = "names a registry host: run 'npm install' with this project's .npmrc";
    yield { file, line, rule: 'lock-host', message };
  }
};

export const markdownPaths: Rule = function* (project) {
  for (const { file, line, text } of eachProse(project)) yield* deadPaths(project, file, line, text);
};

/** The lines of Markdown that are no code. */
function* eachProse(project: Project): ReturnType<typeof eachLine> {
  let fenced = false;
  for (const one of eachLine(project, /\.md$/)) {
    if (one.line === 1) fenced = false;
    if (/^\s*(```|~~~)/.test(one.text)) fenced = !fenced;
    if (!fenced) yield one;
  }
}

/** Every heading of every page, as links call it: in lower case, without punctuation, numbered where it comes again. */
function headings(project: Project): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { file, text } of eachProse(project)) {
    const title = /^#{1,6} +(.*?)[ #]*$/.exec(text)?.[1];
    if (title === undefined) continue;
    const shown = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = `${file}#${shown.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-')}`;
    let own = name;
    for (let i = 1; found.has(own); i++) own = `${name}-${i}`;
    found.add(own);
  }
  return found;
}

export const markdownHeadings: Rule = function* (project) {
  const known = headings(project);
  for (const { file, line, text } of eachProse(project)) {
    for (const [, path = '', part = ''] of text
      .replace(/`[^`]*`/g, '')
      .matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)) {
      const page = path === '' ? file : posix.join(posix.dirname(file), decodeURI(path));
      if (!page.endsWith('.md') || known.has(`${page}#${decodeURI(part)}`)) continue;
      const message = `'${page}' has no heading that is called '#${part}': correct the link, or write the heading`;
      yield { file, line, rule: 'dead-heading', message };
    }
  }
};

/** `path.test.ts` “part of a title”: what a page says is tested must be a title, or part of one, in that file. */
const NAMED_TEST = /`([\w./-]+\.test\.tsx?)` “([^”]+)”/g;

export const namedTests: Rule = function* (project) {
  for (const { file, line, text } of eachLine(project, /\.md$/)) {
    for (const [, path = '', title = ''] of text.matchAll(NAMED_TEST)) {
      if (project.texts.get(path)?.includes(title)) continue;
      const message = `'${path}' has no test titled "${title}": correct the page, or write the test`;
      yield { file, line, rule: 'named-test', message };
    }
  }
};

function* deadPaths(project: Project, file: string, line: number, text: string): Generator<Finding> {
  const folder = posix.dirname(file);
  const report = (path: string): Finding => {
    return {
      file,
      line,
      rule: 'dead-path',
      message: `'${path}' doesn't exist: correct the path or remove it`,
    };
  };
  const prose = text.replace(/`[^`]*`/g, '');
  for (const [, link = ''] of prose.matchAll(/\]\(<?([^)\s>]+)/g)) {
    const path = decodeURI(link.replace(/[#?].*$/, ''));
    if (path === '' || /^[a-z][a-z+.-]*:/i.test(path)) continue;
    if (!project.has(posix.join(folder, path)) && posix.join(folder, path) !== '.') yield report(path);
  }
  for (const [, code = ''] of text.matchAll(/`([^`]+)`/g)) {
    const path = code.replace(/:\d+(-\d+)?$/, '');
    if (!TOP.test(path)) continue;
    const places = [posix.normalize(path), posix.join(folder, path)];
    if (!places.some((place) => place === './' || project.has(place))) yield report(path);
  }
}
