// Proves the house rules that no ready-made tool knows; each finding says where it is, what is wrong and how to mend it.
// The rules live in scripts/tidy/; this file only reads the project, runs them all and prints.
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, statSync } from 'node:fs';
import { importCycles, packageDirection, serverLine } from './tidy/graph.ts';
import { buildProject, type Finding, type Project, type Rule } from './tidy/project.ts';
import { protocolRules } from './tidy/rules.ts';
import { fileSize, functionSize, language, openingComment, publicNames } from './tidy/shape.ts';
import { injectedClock, testsWait } from './tidy/time.ts';
import { lockFile, looseEnds, markdownHeadings, markdownPaths, namedTests } from './tidy/words.ts';

const RULES: Rule[] = [
  packageDirection,
  serverLine,
  importCycles,
  fileSize,
  functionSize,
  openingComment,
  language,
  publicNames,
  injectedClock,
  testsWait,
  looseEnds,
  lockFile,
  markdownPaths,
  markdownHeadings,
  namedTests,
  protocolRules,
];

export function tidy(project: Project): Finding[] {
  const findings = RULES.flatMap((rule) => [...rule(project)]);
  return findings.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

/** The files git knows or would add; in a copy without git, everything but what is built or installed. */
function listFiles(): string[] {
  try {
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const output = execFileSync('git', list, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    if (output) return [...new Set(output.split('\0').filter(Boolean))];
  } catch {
    // No git here: walk the folder instead.
  }
  const skipped = new Set(['node_modules', '.git', '.toolchain', 'dist', 'data', 'coverage']);
  return globSync('{*,.*,**/*,.ci/*}', { exclude: (name) => skipped.has(name) });
}

function readProject(): Project {
  const files: [string, string][] = [];
  for (const path of listFiles()) {
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
    const text = readFileSync(path, 'utf8');
    // Pictures have nothing to read, but they exist: pages link to them.
    files.push([path, text.includes('\0') ? '' : text]);
  }
  return buildProject(files);
}

if (import.meta.main ?? process.argv[1]?.endsWith('tidy.ts')) {
  const project = readProject();
  const findings = tidy(project);
  for (const { file, line, rule, message } of findings) console.log(`${file}:${line} ${rule}: ${message}`);
  console.log(`tidy: ${project.texts.size} files, ${findings.length} findings`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
