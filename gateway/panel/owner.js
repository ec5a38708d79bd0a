// owner.js
//   Whose something is, for who has resellers below.

import { name } from './dom.js';

/** The name of another account that something belongs to, with its number; null for one's own. */
export function ownerName(who, reseller) {
  if (reseller === null || reseller === who.id) return null;
  return `${who.resellers.find((one) => one.id === reseller)?.name ?? ''} (${reseller})`;
}

/** The same behind what is told of it; null for one's own. */
export function ownerOf(who, reseller) {
  const told = ownerName(who, reseller);

  return told === null ? null : [' · ', name(told)];
}
