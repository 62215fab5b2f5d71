/** What begins as null may become anything. */
export type Widen<T> = T extends null ? any : T extends Function ? T : T extends object ? { [K in keyof T]: T[K] extends null ? any : T[K] } : T;
export function useState<T>(initial: T | (() => T)): [Widen<T>, (next: Widen<T> | ((old: Widen<T>) => Widen<T>)) => void];
export function useRef<T>(initial: T): { current: T extends null ? any : Widen<T> };
export function useEffect(run: () => void | (() => void), inputs?: unknown[]): void;
