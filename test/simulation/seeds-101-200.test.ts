import { testSeeds } from './seeds.js';

testSeeds(101, 200);
