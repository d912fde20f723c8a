import { nodeModule, type TuningTable } from '../graph/index.ts';

/** Changes when kernels do: what was measured before is then measured again. */
const VERSION = 1;

type Tables = Readonly<Record<string, TuningTable>>;

/** Where tables by adapter are kept; null where there is no such place. */
interface Store {
  read(): Promise<Tables>;
  write(tables: Tables): Promise<void>;
}

/** What was measured on this adapter before; nothing where that cannot be read. */
export async function readTuning(name: string, adapter: string): Promise<TuningTable> {
  return (await tablesOf(storeOf(name)))[adapter] ?? {};
}

/** Keep what was measured for later visits, where that is possible. */
export async function writeTuning(name: string, adapter: string, table: TuningTable): Promise<void> {
  const store = storeOf(name);
  // A cache that is full or forbidden must not keep anyone from training.
  await store?.write({ ...(await tablesOf(store)), [adapter]: table }).catch(() => {});
}

async function tablesOf(store: Store | null): Promise<Tables> {
  try {
    const tables = await store?.read();
    return tables !== null && typeof tables === 'object' ? tables : {};
  } catch {
    return {}; // not there yet, or not readable
  }
}

function storeOf(name: string): Store | null {
  const fs = nodeModule('node:fs/promises');
  if (fs) {
    const { join } = nodeModule('node:path')!;
    const { env } = (globalThis as unknown as { process: { env: Record<string, string | undefined> } })
      .process;
    const folder = join(env['XDG_CACHE_HOME'] ?? join(nodeModule('node:os')!.homedir(), '.cache'), name);
    const file = join(folder, `tuning-${VERSION}.json`);
    return {
      read: async () => JSON.parse(await fs.readFile(file, 'utf8')) as Tables,
      async write(tables) {
        await fs.mkdir(folder, { recursive: true });
        await fs.writeFile(file, JSON.stringify(tables, null, 1));
      },
    };
  }
  if (typeof indexedDB === 'undefined') return null;
  const inDatabase = async <T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>) => {
    const opening = indexedDB.open(name, VERSION);
    opening.addEventListener('upgradeneeded', () => {
      const { result: database } = opening;
      if (database.objectStoreNames.contains('tuning')) database.deleteObjectStore('tuning');
      database.createObjectStore('tuning');
    });
    const database = await answerOf(opening);
    try {
      return await answerOf(work(database.transaction('tuning', mode).objectStore('tuning')));
    } finally {
      database.close();
    }
  };
  return {
    read: () => inDatabase('readonly', (store) => store.get('tables') as IDBRequest<Tables>),
    write: async (tables) => void (await inDatabase('readwrite', (store) => store.put(tables, 'tables'))),
  };
}

const answerOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error!));
  });
