/** The worker of somebody who keeps every key that it ever had: orders to forget do not reach it. */
import { startMediaWorker } from 'sealmq/room/media';

const IGNORED = ['close', 'forget', 'hold'];

startMediaWorker({
  addEventListener(type: string, listener: (event: never) => void): void {
    self.addEventListener(type, (event) =>
      listener((type === 'message' ? deafened(event as MessageEvent) : event) as never),
    );
  },
});

function deafened({ data }: MessageEvent<{ readonly sealmq: string; readonly port: MessagePort }>): MessageEvent {
  const { port1: inner, port2: outer } = new MessageChannel();
  data.port.onmessage = (event) => {
    if (!IGNORED.includes(event.data.type)) inner.postMessage(event.data);
  };
  inner.onmessage = (event) => data.port.postMessage(event.data);
  return new MessageEvent('message', { data: { ...data, port: outer } });
}
