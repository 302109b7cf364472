/**
 * Tickets, each good once and for a short time: used twice, guessed, late, crowded out. Whatever is done, there is one winner.
 */
import { fakeClock } from '@syncline/protocol/testing';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { everythingIn } from './testing.ts';
import { Tickets } from './tickets.ts';

describe('a ticket', () => {
  it('stands for whom it was issued to, once', () => {
    const tickets = new Tickets({ clock: fakeClock() });
    const ada = { user: 'ada', capabilities: { a: ['publish'] } } as const;
    const { ticket, expiresMs } = tickets.issue(ada);
    const bob = tickets.issue({ user: 'bob' });
    expect(expiresMs).toBe(30_000);
    expect(ticket).toMatch(/^[\w-]{43}$/);
    expect(tickets.redeem(ticket)).toEqual(ada);
    expect(tickets.redeem(ticket)).toBeUndefined();
    expect(tickets.redeem(bob.ticket)).toEqual({ user: 'bob' });
  });

  it('has one winner of two, a thousand times', () => {
    const tickets = new Tickets();
    let winners = 0;
    for (let i = 0; i < 1000; i++) {
      const { ticket } = tickets.issue({ user: `u${i}` });
      for (let tries = 0; tries < 2; tries++) if (tickets.redeem(ticket)) winners++;
    }
    expect(winners).toBe(1000);
  });

  it('is good for 30 s, and no moment longer', async () => {
    const clock = fakeClock();
    const tickets = new Tickets({ clock });
    const [early, late] = [tickets.issue({ user: 'ada' }), tickets.issue({ user: 'ada' })];
    await clock.advance(29_999);
    expect(tickets.redeem(early.ticket)).toBeDefined();
    await clock.advance(1);
    expect(tickets.redeem(late.ticket)).toBeUndefined();
  });

  it('is never good for longer than whom it stands for', async () => {
    const clock = fakeClock();
    const tickets = new Tickets({ clock });
    const soon = tickets.issue({ user: 'ada', expiresAt: clock.now() + 1000 });
    expect(soon.expiresMs).toBe(1000);
    expect(tickets.redeem(tickets.issue({ user: 'ada', expiresAt: clock.now() }).ticket)).toBeUndefined();
    expect(tickets.issue({ user: 'ada', expiresAt: 0 }).expiresMs).toBe(0);
    await clock.advance(1000);
    expect(tickets.redeem(soon.ticket)).toBeUndefined();
  });

  it("isn't guessed", () => {
    const tickets = new Tickets();
    const { ticket } = tickets.issue({ user: 'ada' });
    const near = [
      `${ticket} `,
      ticket.slice(1),
      `${ticket}=`,
      ticket.toUpperCase(),
      '',
      'x'.repeat(1_000_000),
    ];
    for (const guess of [...near, '__proto__', '\0'.repeat(43)])
      expect(tickets.redeem(guess)).toBeUndefined();
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (guess) => tickets.redeem(guess) === undefined));
    expect(tickets.redeem(ticket)).toBeDefined();
  });

  it('is 32 bytes of the strongest chance there is', () => {
    const clock = fakeClock();
    const chance = vi.spyOn(clock, 'randomBytes');
    new Tickets({ clock }).issue({ user: 'ada' });
    expect(chance.mock.calls).toEqual([[32]]);
    const many = new Set(Array.from({ length: 10_000 }, () => new Tickets().issue({ user: 'ada' }).ticket));
    expect(many.size).toBe(10_000);
  });

  it('is kept as a hash alone', () => {
    const tickets = new Tickets();
    const { ticket } = tickets.issue({ user: 'ada' });
    expect(everythingIn(tickets)).not.toContain(ticket);
  });
});

describe('tickets', () => {
  it('are bounded, and none makes room for another before its time', async () => {
    const clock = fakeClock();
    const tickets = new Tickets({ clock, ticketsMax: 2 });
    const [first, second] = ['a', 'b'].map((user) => tickets.issue({ user }).ticket);
    expect(() => tickets.issue({ user: 'c' })).toThrow('too many tickets');
    expect(tickets.redeem(first ?? '')).toEqual({ user: 'a' });
    tickets.issue({ user: 'c' });
    await clock.advance(30_000);
    for (const user of ['d', 'e']) tickets.issue({ user });
    expect(tickets.redeem(second ?? '')).toBeUndefined();
  });

  it('are bounded for each user, so that nobody takes the place of others', () => {
    const tickets = new Tickets({ ticketsPerUserMax: 2 });
    const { ticket } = tickets.issue({ user: 'a' });
    tickets.issue({ user: 'a' });
    expect(() => tickets.issue({ user: 'a' })).toThrow('too many tickets');
    tickets.issue({ user: 'b' });
    expect(tickets.redeem(ticket)).toEqual({ user: 'a' });
    tickets.issue({ user: 'a' });
  });

  it('are for users: nobody in particular needs none', () => {
    expect(() => new Tickets().issue({ user: null })).toThrow('names none');
  });

  it('are taken back from a user, and from no other', () => {
    const tickets = new Tickets({ ticketsPerUserMax: 1 });
    const [ada, bob] = ['ada', 'bob'].map((user) => tickets.issue({ user }).ticket);
    tickets.withdraw('ada');
    expect(tickets.redeem(ada ?? '')).toBeUndefined();
    expect(tickets.redeem(bob ?? '')).toEqual({ user: 'bob' });
    tickets.issue({ user: 'ada' });
  });

  it.each([
    { ticketMs: 0 },
    { ticketMs: 600_001 },
    { ticketsMax: 0 },
    { ticketsPerUserMax: 0 },
    { ticketsMax: Number.POSITIVE_INFINITY },
  ])('refuse the option %j', (options) => {
    expect(() => new Tickets(options)).toThrow(/^Expected `tickets?\w*M\w+` to be a whole number from/);
  });
});
