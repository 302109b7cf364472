// Rules about what is written down: loose ends and machine paths in any file, dead paths in Markdown, the lock file.
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
  let fenced = false;
  for (const { file, line, text } of eachLine(project, /\.md$/)) {
    if (line === 1) fenced = false;
    if (/^\s*(```|~~~)/.test(text)) fenced = !fenced;
    if (fenced) continue;
    yield* deadPaths(project, file, line, text);
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
