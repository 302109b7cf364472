/**
 * Whether this node reaches its logs, as those who come are told, those who are in, and the operator. The front makes one; it knows what
 * the broker says of itself and nothing of what is stored.
 */
import type { Clock } from '@syncline/protocol/wire';
import type { Health } from '../broker/broker.ts';
import type { Logger } from '../observe.ts';

export interface LogHealthTools {
  /** Undefined for a broker that always reaches them. */
  readonly health: Health | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cutOffMs: number;
  /** Tells sessions how it is. */
  readonly heartbeat: () => void;
}

export class LogHealth {
  readonly #tools: LogHealthTools;
  /** Since when they can't be reached, as the operator was told. */
  #toldSince: number | null = null;

  constructor(tools: LogHealthTools) {
    this.#tools = tools;
    const { health } = tools;
    health?.onChange(() => this.#tell(health));
  }

  get healthy(): boolean {
    return this.#brokenSince === null;
  }

  /** Whether that has been so for so long that whoever comes had better go to another node. */
  get cutOff(): boolean {
    const since = this.#brokenSince;
    return since !== null && this.#tools.clock.now() - since >= this.#tools.cutOffMs;
  }

  get #brokenSince(): number | null {
    return this.#tools.health?.brokenSince ?? null;
  }

  /** Sessions hear of it with a heartbeat, an operator by the log. */
  #tell({ brokenSince, what }: Health): void {
    const { clock, logger, heartbeat } = this.#tools;
    const before = this.#toldSince;
    this.#toldSince = brokenSince;
    if (brokenSince !== null)
      logger.error({ what }, 'The logs can not be reached: nothing is acknowledged, and clients are told.');
    else if (before !== null)
      logger.error({ brokenMs: clock.now() - before }, 'The logs can be reached again.');
    // Another reason is nothing to a client.
    if ((before === null) !== (brokenSince === null)) heartbeat();
  }
}
