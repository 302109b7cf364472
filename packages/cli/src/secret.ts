/**
 * The secret that tokens are signed with, as both subcommands read it. Its text is never repeated; how long it must be is
 * the server's to say.
 */
import { readFile } from 'node:fs/promises';

/**
 * The secret in a file, without the line's end that editors and shells leave behind.
 *
 * @param option the option that named the file, for the message
 * @throws an Error that names the file
 */
export async function readSecret(option: string, file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new Error(
      `${option} ${file} can't be read: ${why}. Make a secret: openssl rand -base64 32 > ${file}`,
    );
  }
}
