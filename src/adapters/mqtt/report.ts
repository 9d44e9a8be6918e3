import type { ConnectionState, TransportHandlers } from '../../ports/transport.js';

/** Which state may follow which; what does not fit is either old news or follows a step in between. */
const FOLLOWS: Record<ConnectionState['state'], readonly (ConnectionState['state'] | 'new')[]> = {
  connecting: ['new', 'disconnected'],
  connected: ['connecting'],
  disconnected: ['connecting', 'connected'],
  closed: ['new', 'connecting', 'connected', 'disconnected'],
};

/** Hands states on in an order that always makes sense: nothing twice, nothing after `closed`. */
export function createReport(handlers: TransportHandlers): (news: ConnectionState) => void {
  let last: ConnectionState['state'] | 'new' = 'new';
  return (news) => {
    if (!FOLLOWS[news.state].includes(last)) return;
    last = news.state;
    handlers.connection(news);
  };
}
