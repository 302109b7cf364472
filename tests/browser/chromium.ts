/**
 * A real Chromium for the browser tests: CHROMIUM_PATH, or one where systems install it. scripts/test.ts makes sure there
 * is one; a test run without it skips and says why.
 */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { chromium as program } from '../../scripts/programs.ts';

const path = process.env['CHROMIUM_PATH'] ?? program.places.find((place) => existsSync(place));

/** Why there is no browser to test with; empty when there is one. */
export const noBrowser =
  path && existsSync(path) ? '' : 'There is no Chromium: install it or set CHROMIUM_PATH.';
if (noBrowser) console.warn(`The browser tests are skipped. ${noBrowser}`);

/** Draws WebGL without a graphics card, and nothing else that way: a page that is put together so costs twice as much. */
const softwareGl = [
  ...['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
  ...['--disable-accelerated-2d-canvas', '--disable-gpu-rasterization', '--disable-gpu-compositing'],
];

/** @param webgl whether its pages draw maps or the like */
export function openBrowser({ webgl = false } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: path ?? '',
    args: [
      '--no-sandbox',
      '--headless',
      ...(webgl ? softwareGl : ['--disable-gpu']),
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
