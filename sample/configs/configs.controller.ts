// Shows and changes config rows: the shop's own and those of the queue, such as `suspended`.
import { BadRequestException, Body, Controller, Get, Param, Put } from '@nestjs/common';
import { InvalidConfigValueError, JobConfigs } from 'nestjs-notify-queue';
import { parserOf } from './shop-configs.js';

@Controller('configs')
export class ConfigsController {
  constructor(private readonly configs: JobConfigs) {}

  @Get()
  async list() {
    return this.configs.list();
  }

  @Put(':key')
  async set(@Param('key') key: string, @Body('value') value: unknown) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw new BadRequestException('The body must be like { "value": "true" }');
    }
    const text = String(value);
    refuseUnreadable(key, text);
    try {
      return await this.configs.set(key, text);
    } catch (error) {
      throw error instanceof InvalidConfigValueError ? new BadRequestException(error.message) : error;
    }
  }
}

/** A row that can't be read would be ignored everywhere: say so to whoever writes it. */
function refuseUnreadable(key: string, text: string): void {
  try {
    parserOf(key)?.(text);
  } catch (error) {
    throw new BadRequestException(`${key}: ${(error as Error).message}`);
  }
}
