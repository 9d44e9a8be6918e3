/** Alice → Bob with Carol listening in, over the embedded broker and key directory. */
import { createBroker, createKeyProvider } from 'sealmq/server';
import { tellStory } from './story.js';

const broker = await createBroker();
const directory = await createKeyProvider();
try {
  await tellStory(broker.mqttUrl ?? '', directory.url);
} finally {
  await broker.close();
  await directory.close();
}
