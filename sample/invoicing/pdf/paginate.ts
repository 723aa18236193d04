// Spreads the rows of a table over pages. Pure: it knows heights, not invoices.

export interface PageRoom {
  /** Height for rows on the first page, and on each page after it. */
  first: number;
  next: number;
  /** Height of what must follow the last row on its page. */
  closing: number;
}

/** Row indexes a page; at least one page. A row higher than a page gets one for itself. */
export function paginate(heights: readonly number[], room: PageRoom): number[][] {
  const pages: number[][] = [[]];
  let left = room.first;
  heights.forEach((height, row) => {
    const isLast = row === heights.length - 1;
    const needed = isLast ? height + room.closing : height;
    if (needed > left && pages.at(-1)!.length > 0) {
      pages.push([]);
      left = room.next;
    }
    pages.at(-1)!.push(row);
    left -= height;
  });
  return pages;
}
