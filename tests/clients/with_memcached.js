'use strict';
// Every operation of the package `memcached`, in the text protocol over its pool.
const Memcached = require('memcached');
const { promisify } = require('util');
const { server, ask, check, fails, stopDaemon, run } = require('./common');

/** The client, its methods made to return promises. */
function connect(options) {
  const c = new Memcached(server, { timeout: 10000, retries: 0, retry: 10, ...options });
  const names = ['set', 'get', 'gets', 'getMulti', 'add', 'replace', 'append', 'prepend', 'cas',
    'del', 'incr', 'decr', 'touch', 'version', 'stats', 'settings', 'slabs', 'items', 'flush'];
  return Object.fromEntries([
    ['end', () => c.end()],
    // It empties the list that it gave as soon as the callback returns.
    ['cachedump', (...args) => new Promise((resolve, reject) => {
      c.cachedump(...args, (error, found) => (error ? reject(error) : resolve([].concat(found))));
    })],
    ...names.map((name) => [name, promisify(c[name]).bind(c)]),
  ]);
}

async function basics(c) {
  for (const value of ['text', 42, { a: [1, { b: 2 }] }, Buffer.from([0, 1, 13, 10, 255]), true,
    'ü'.repeat(1000), 'two\r\nlines', '']) {
    check('set', await c.set('k', value, 100), true);
    check('get', await c.get('k'), value);
  }
  check('get, absent', await c.get('absent'), undefined);
  check('replace', await c.replace('k', 'mid', 0), true);
  check('append', await c.append('k', '>'), true);
  check('prepend', await c.prepend('k', '<'), true);
  check('get after them', await c.get('k'), '<mid>');
  for (const [name, ...rest] of [['add', 'k', 'w', 0], ['replace', 'absent', 'w', 0],
    ['append', 'absent', 'w'], ['prepend', 'absent', 'w']]) {
    await fails(`${name}, refused`, 'Item is not stored', c[name](...rest));
  }
  check('del', await c.del('k'), true);
  check('del, absent', await c.del('k'), false);
  check('add', await c.add('k', 'w', 0), true);
}

async function cas(c) {
  await c.set('c', 'one', 0);
  const found = await c.gets('c');
  check('gets', found.c, 'one');
  check('gets, absent', await c.gets('absent'), undefined);
  check('cas', await c.cas('c', 'two', found.cas, 0), true);
  check('cas, too late', await c.cas('c', 'three', found.cas, 0), false);
  check('cas, absent', await c.cas('absent', 'x', found.cas, 0), false);
  check('get after cas', await c.get('c'), 'two');
}

async function arithmetic(c) {
  await c.set('n', 10, 0);
  check('incr and decr', [await c.incr('n', 5), await c.decr('n', 100)], [15, 0]);
  check('incr, absent', await c.incr('absent', 1), false);
  await c.set('text', 'abc', 0);
  await fails('incr of text', 'non-numeric value', c.incr('text', 1));
}

async function expiry(c) {
  check('set, already over', [await c.set('e', 'v', -1), await c.get('e')], [true, undefined]);
  check('set', [await c.set('e', 'v', 1000), await c.get('e')], [true, 'v']);
  check('touch', [await c.touch('e', 100), await c.touch('absent', 100)], [true, false]);
  check('touch, already over', [await c.touch('e', -1), await c.get('e')], [true, undefined]);
}

async function many(c) {
  const keys = Array.from({ length: 300 }, (_, n) => `many${n}`);
  const stored = await Promise.all(keys.map((key) => c.set(key, `value of ${key}`, 0)));
  check('300 sets at a time', stored.every(Boolean), true);
  check('getMulti', await c.getMulti([...keys, 'absent']),
    Object.fromEntries(keys.map((key) => [key, `value of ${key}`])));
  const deleted = await Promise.all(keys.map((key) => c.del(key)));
  check('300 deletes at a time', deleted.every(Boolean), true);
  check('getMulti, none left', await c.getMulti(keys), {});
}

async function limits(c) {
  const big = 'big'.repeat(340000);
  check('large', [await c.set('big', big, 0), await c.get('big') === big], [true, true]);
  await fails('too large for the client', 'greater than', c.set('big', big + big, 0));
  check('key of 250', [await c.set('k'.repeat(250), 'v', 0), await c.get('k'.repeat(250))],
    [true, 'v']);
  const long = 'k'.repeat(300);
  check('long key, by its hash', [await c.set(long, 'w', 0), await c.get(long)], [true, 'w']);
  const exact = connect({ keyCompression: false });
  await fails('key of 251', 'longer than', exact.get('k'.repeat(251)));
  await fails('key with a space', 'whitespace', exact.get('a b'));
  exact.end();
  // The client takes it for a fault of the server's, and says no more than that it was not stored.
  const generous = connect({ maxValue: 1 << 22 });
  check('too large for the server', await generous.set('big', big + big, 0), false);
  generous.end();
  check('old value is gone', await c.get('big'), undefined);
}

async function administration(c) {
  const [version] = await c.version();
  check('version', [version.server, version.major, version.minor], [server, '1', '6']);
  const [stats] = await c.stats();
  check('stats', [stats.server, stats.curr_items > 0], [server, true]);
  check('stats settings', (await c.settings())[0].maxconns, 1024);
  check('stats slabs', (await c.slabs())[0].active_slabs.undefined > 0, true);
  // `stats cachedump` lists what is in the last of a class's queues; so let there be one.
  check('lru mode', await ask('lru mode flat'), 'OK');
  await c.set('dumped', 'value', 0);
  const [items] = await c.items();
  const dumps = [];
  for (const id of Object.keys(items).filter((key) => key !== 'server')) {
    dumps.push(await c.cachedump(server, Number(id), items[id].number));
  }
  const dumped = dumps.flat().find((item) => item && item.key === 'dumped');
  check('cachedump', [dumped.b, dumped.s], [5, 0]);
  check('flush', await c.flush(), [true]);
  check('get after flush', await c.get('n'), undefined);
}

run('memcached', async () => {
  const c = connect();
  for (const part of [basics, cas, arithmetic, expiry, many, limits, administration]) {
    await part(c);
  }
  await stopDaemon();
  await fails('the server is gone', 'ECONN', c.set('k', 'v', 0));
});
