/** Who sends the invoices: a shop that does not exist, on a domain that can't. */
export const SHOP = {
  name: 'Harbour & Quill',
  trade: 'Stationery and fine paper',
  address: ['14 Ormond Quay Upper', 'Dublin 7, D07 X2C4', 'Ireland'],
  domain: 'harbourandquill.example',
  email: 'accounts@harbourandquill.example',
  phone: '+353 1 555 0142',
  vatId: 'IE 0000000XX',
  bank: 'Bank of the Liffey',
  iban: 'IE00 LIFF 0000 0000 0000 00',
  paymentDays: 14,
} as const;
