/** Alice → Bob with Carol listening in, over a real Mosquitto that runs the repository's own mosquitto.conf. */
import { createKeyProvider } from 'sealmq/server';
import { mosquittoAvailable, startMosquitto } from '../test/peers/mosquitto.js';
import { peer } from '../test/peers/require.js';
import { tellStory } from './story.js';

if (peer('mosquitto', mosquittoAvailable())) {
  const mosquitto = await startMosquitto();
  const directory = await createKeyProvider();
  try {
    await tellStory(mosquitto.url, directory.url);
  } finally {
    await directory.close();
    await mosquitto.stop();
  }
}
