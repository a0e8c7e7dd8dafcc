/** A step of a migration in words, for progress and plans. */
import type { FillStep, SchemaStep } from '../../ports/schema.js'

export function textOf(step: SchemaStep | FillStep): string {
  switch (step.kind) {
    case 'makeTable':
      return `makes the table ${step.table.name} where it is absent`
    case 'addColumn':
      return `adds the column ${step.table.name}.${step.column}`
    case 'addIndex':
      return `adds the index ${step.table.name}.${step.index}`
    case 'dropIndex':
      return `drops the index ${step.table}.${step.index}`
    case 'dropColumn':
      return `drops the column ${step.table}.${step.column}`
    case 'dropTable':
      return `drops the table ${step.table}`
    case 'fill':
      return `fills ${step.what}`
  }
}
