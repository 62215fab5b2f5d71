export type Node = object;
export function h(type: unknown, props: unknown, ...children: unknown[]): Node;
export function render(node: Node, parent: Element): void;
export const Fragment: unknown;
