/** Links as QR codes: contact cards, device links, safety numbers. */
export { qrPng } from './png.js';
export { qrSvg } from './svg.js';
export { qrLines } from './terminal.js';
